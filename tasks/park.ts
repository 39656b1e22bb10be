/**
 * Why a task cannot go on by itself. A parked task takes no neighbour down: readyz fails, a metric counts it, one line
 * names what an operator does. Whatever may pass by itself is retried instead and never parks.
 */
export type ParkCode =
  | 'crc_mismatch'
  | 'input_lost'
  | 'topic_recreated'
  | 'not_authorised'
  | 'log_truncated'
  | 'log_broken'
  | 'base_missing'
  | 'snapshot_unusable'
  | 'fold_failed'
  | 'clock_skew'
  | 'append_failed'
  | 'produce_failed'
  | 'partitions_grew'
  | 'partitions_unfit'
  | 'shards_changed'
  | 'order_topic_small'
  | 'internal';

const todo: Readonly<Record<ParkCode, string>> = {
  crc_mismatch: 'the records read are not those ordered; `millrace restore --at <snapshot>` opens a new epoch',
  input_lost:
    'records are gone; not ordered yet: `millrace gap accept --why …`; ordered: `millrace restore --at <snapshot>`',
  topic_recreated: 'the topic is another one now; `millrace restore --at <snapshot> --accept-gap` opens a new epoch',
  not_authorised: 'give the user READ and DESCRIBE on the topic, then restart',
  log_truncated:
    'the order log, or an input, ends before what was folded; `millrace restore --at <snapshot>` opens a new epoch',
  log_broken: 'the order log does not reach back far enough; `millrace restore --at <snapshot>` opens a new epoch',
  base_missing: 'put the named snapshot back, or `millrace restore --at <snapshot>`',
  snapshot_unusable: 'run the release that wrote it, or raise the pipeline version',
  fold_failed: 'a fault in the pipeline: run a fixed release; nothing is lost meanwhile',
  clock_skew: "set this machine's clock, then restart; `millrace doctor` shows the difference",
  append_failed: 'the service is built anew; `millrace doctor` checks the broker',
  produce_failed: 'the service is built anew; `millrace doctor` checks the broker',
  partitions_grew:
    'its keys are in other partitions now, and so in other tasks: raise the pipeline version, with `tasks.startFrom` at a time after the input grew',
  partitions_unfit:
    'with several shards every input of a pipeline has as many partitions as the others, and at least one a shard',
  shards_changed: 'shards belong to the version: raise the pipeline version with them, or set back what was there',
  order_topic_small: 'give the order topic as many partitions as the pipeline has shards',
  internal: 'a fault in millrace: restart it, and report this line',
};

/** Thrown inside a task to park it. */
export class ParkError extends Error {
  readonly code: ParkCode;
  /** What an operator does. */
  readonly command: string;
  constructor(code: ParkCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ParkError';
    this.code = code;
    this.command = todo[code];
  }
}

/** Why a task is parked whose input, or order log, cannot be read on: by what the stream, or the broker, said. */
export function parkCodeOf(error: unknown, otherwise: ParkCode): ParkCode {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'kafka_not_authorised') return 'not_authorised';
  return code === 'topic_recreated' || code === 'log_truncated' || code === 'not_authorised' ? code : otherwise;
}

/** Errors of the edges say themselves whether trying again can help (`retryable`, see their contracts). */
export function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true;
}
