import type { Metrics } from '../telemetry/metrics.ts';

/** What the tasks of one pipeline count. */
export interface TaskMetrics {
  readonly entry: (verdict: string) => void;
  readonly records: (count: number) => void;
  readonly outputs: (count: number) => void;
  readonly appended: (ms: number) => void;
  readonly snapshot: (outcome: 'saved' | 'failed', bytes: number) => void;
  readonly archiveRead: (why: string) => void;
  readonly termEnded: (end: string) => void;
  readonly takenOver: (ms: number) => void;
  readonly parked: (shard: number, isParked: boolean) => void;
  /** Null: another instance owns the shard now, and tells of it. */
  readonly progress: (
    shard: number,
    at: null | {
      readonly lagRecords: number;
      readonly watermarkMs: number;
      readonly epoch: number;
      readonly orderOffset: number;
    },
  ) => void;
}

const appendSeconds = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createTaskMetrics(metrics: Metrics, pipeline: string): TaskMetrics {
  const labels = { pipeline };
  const entries = metrics.counter('millrace_task_entries_total', 'Order records read back, by verdict.', [
    'pipeline',
    'verdict',
  ]);
  const records = metrics.counter('millrace_task_records_total', 'Input records folded.', ['pipeline']);
  const outputs = metrics.counter('millrace_task_outputs_total', 'Results acknowledged.', ['pipeline']);
  const append = metrics.histogram(
    'millrace_task_append_seconds',
    'From append to read-back of an order entry.',
    appendSeconds,
    ['pipeline'],
  );
  const snapshots = metrics.counter('millrace_task_snapshots_total', 'Snapshots, by outcome.', ['pipeline', 'outcome']);
  const snapshotBytes = metrics.gauge('millrace_task_snapshot_bytes', 'Size of the last snapshot.', ['pipeline']);
  const archive = metrics.counter('millrace_task_archive_reads_total', 'Ranges read from the archive, by reason.', [
    'pipeline',
    'reason',
  ]);
  const terms = metrics.counter('millrace_task_terms_total', 'Ends of ownership, by reason.', ['pipeline', 'reason']);
  const takeover = metrics.histogram(
    'millrace_task_takeover_seconds',
    'From being given a task to its first new result acknowledged.',
    appendSeconds,
    ['pipeline'],
  );
  const parked = metrics.gauge('millrace_task_parked', '1 while a task needs an operator.', ['pipeline', 'shard']);
  const lag = metrics.gauge('millrace_task_lag_records', 'Records not folded yet.', ['pipeline', 'shard']);
  const watermark = metrics.gauge('millrace_task_watermark_ms', 'Watermark in ms since 1970.', ['pipeline', 'shard']);
  const epoch = metrics.gauge('millrace_task_epoch', 'Epoch of the order log.', ['pipeline', 'shard']);
  const orderOffset = metrics.gauge('millrace_task_order_offset', 'Next order offset to fold.', ['pipeline', 'shard']);
  return {
    entry: (verdict) => entries.inc({ pipeline, verdict }),
    records: (count) => records.inc(labels, count),
    outputs: (count) => outputs.inc(labels, count),
    appended: (ms) => append.observe(labels, ms / 1_000),
    snapshot(outcome, bytes) {
      snapshots.inc({ pipeline, outcome });
      if (outcome === 'saved') snapshotBytes.set(labels, bytes);
    },
    archiveRead: (reason) => archive.inc({ pipeline, reason }),
    termEnded: (reason) => terms.inc({ pipeline, reason }),
    takenOver: (ms) => takeover.observe(labels, ms / 1_000),
    parked: (shard, isParked) => parked.set({ pipeline, shard }, isParked ? 1 : 0),
    progress(shard, at) {
      const of = { pipeline, shard };
      if (at === null) {
        for (const gauge of [lag, watermark, epoch, orderOffset]) gauge.remove(of);
        return;
      }
      lag.set(of, at.lagRecords);
      if (Number.isFinite(at.watermarkMs)) watermark.set(of, at.watermarkMs);
      epoch.set(of, at.epoch);
      orderOffset.set(of, at.orderOffset);
    },
  };
}
