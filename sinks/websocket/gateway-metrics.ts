// What the gateway counts. Labels name kinds (close codes, channels), never clients or keys.
import type { Counter, Gauge } from 'prom-client';
import type { Metrics } from '../../telemetry/metrics.ts';

export interface GatewayMetrics {
  readonly clients: Gauge;
  readonly subscriptions: Gauge;
  readonly frames: Counter;
  readonly bytes: Counter;
  readonly conflations: Counter;
  readonly closes: Counter;
  readonly refused: Counter;
  readonly badMessages: Counter;
  readonly resyncs: Counter;
  readonly rows: Gauge;
  readonly builds: Counter;
  readonly gaps: Counter;
  readonly undecodable: Counter;
  readonly lists: Gauge;
  readonly listBytes: Gauge;
}

export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  return {
    clients: metrics.gauge('millrace_live_clients', 'Open live sockets'),
    subscriptions: metrics.gauge('millrace_live_subscriptions', 'Live subscriptions'),
    frames: metrics.counter('millrace_live_frames_total', 'Frames sent to live clients'),
    bytes: metrics.counter('millrace_live_sent_bytes_total', 'Bytes of frames sent to live clients'),
    conflations: metrics.counter(
      'millrace_live_conflations_total',
      'Times that a slow client was told only the latest',
    ),
    closes: metrics.counter('millrace_live_closes_total', 'Live sockets closed by the gateway', ['code']),
    refused: metrics.counter('millrace_live_refused_total', 'Live sockets refused: too many, or not running'),
    badMessages: metrics.counter('millrace_live_bad_messages_total', 'Messages of clients that broke the protocol'),
    resyncs: metrics.counter('millrace_live_resyncs_total', 'Subscriptions that were sent everything again', [
      'reason',
    ]),
    rows: metrics.gauge('millrace_live_rows', 'Rows held for live viewers', ['channel']),
    builds: metrics.counter('millrace_live_builds_total', 'Attempts to build views from ClickHouse', ['outcome']),
    gaps: metrics.counter('millrace_live_gaps_total', 'Times that records were gone before they were read'),
    undecodable: metrics.counter('millrace_live_undecodable_total', 'Records of result topics that are no result'),
    lists: metrics.gauge('millrace_live_lists', 'Visitors whose list of recommendations is held'),
    listBytes: metrics.gauge('millrace_live_list_bytes', 'Bytes of the lists of recommendations that are held'),
  };
}
