import type { Counter, Gauge, Histogram } from 'prom-client';
import type { Metrics } from '../../telemetry/metrics.ts';

/** What the ClickHouse sink counts. Labels are tables, topics and error kinds, never keys. */
export interface SinkMetrics {
  readonly rows: Counter;
  readonly results: Counter;
  readonly inserts: Counter;
  readonly insertSeconds: Histogram;
  readonly retries: Counter;
  readonly rejects: Counter;
  readonly gaps: Counter;
  readonly bufferedBytes: Gauge;
  readonly lagRecords: Gauge;
}

/** Registers them; asking again gives the same. */
export const sinkMetrics = (metrics: Metrics): SinkMetrics => ({
  rows: metrics.counter('millrace_clickhouse_rows_total', 'Rows acknowledged by ClickHouse', ['table']),
  results: metrics.counter(
    'millrace_clickhouse_results_total',
    'Results made into rows, by way: copied from their bytes (direct), or parsed',
    ['topic', 'way'],
  ),
  inserts: metrics.counter('millrace_clickhouse_inserts_total', 'Inserts acknowledged by ClickHouse', ['table']),
  insertSeconds: metrics.histogram(
    'millrace_clickhouse_insert_seconds',
    'Time until an insert is acknowledged, retries included',
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    ['table'],
  ),
  retries: metrics.counter('millrace_clickhouse_retries_total', 'Requests tried again', ['code']),
  rejects: metrics.counter('millrace_clickhouse_rejects_total', 'Records and rows kept in sink_rejects', ['topic']),
  gaps: metrics.counter('millrace_clickhouse_gaps_total', 'Gaps: records gone before they were archived', ['topic']),
  bufferedBytes: metrics.gauge('millrace_clickhouse_buffered_bytes', 'Bytes read and not yet inserted'),
  lagRecords: metrics.gauge('millrace_clickhouse_lag_records', 'Records not yet read by the sink', ['topic']),
});
