import type { CheckpointStore } from '../checkpoints/store.ts';
import type { Membership, NextOffset, Producer } from '../kafka/contract.ts';
import type { Source } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Predecessor } from './backfill.ts';
import { type Fold, snapshotPieceBytes } from './contract.ts';
import type { Failpoint } from './failpoint.ts';
import type { judge } from './judge.ts';
import type { createOrderReader } from './order-log.ts';
import type { PartitionFor, createOutputs } from './outputs.ts';
import type { StartFrom } from './partitions.ts';

/** Which epoch this run belongs to. */
export interface EpochOptions {
  /** The epoch that the log is in, or that is opened. Snapshots of earlier epochs are not of this log. */
  readonly current: number;
  /** Open `current` unless the log is in it already (or later). */
  readonly openNew: boolean;
  /** Log and inputs are new incarnations (an embedded broker was started): the highest epoch seen in snapshots or archive. */
  readonly previous?: { readonly epoch: number } | undefined;
  /** The epoch that this incarnation of the topics began with: what the archive keeps them under. Absent: `current`. */
  readonly incarnation?: number | undefined;
}

/** What the archive keeps the inputs and order logs of now under. */
export const archivedUnder = ({ incarnation, current }: EpochOptions): number => incarnation ?? current;

/** What a person may set; the defaults are `defaultTuning`. */
export interface TaskTuning {
  /** Order entries appended and not yet read back. */
  readonly pipelineDepth: number;
  readonly entryRecordsMax: number;
  readonly entryBytesMax: number;
  readonly entryEveryMs: number;
  /** The same while no entry is in flight; absent: `entryEveryMs`. */
  readonly entrySoonMs?: number | undefined;
  readonly idleMs: number;
  readonly tickMs: number;
  readonly ownerHeartbeatMs: number;
  readonly ownerSilenceMs: number;
  /** Longest random pause of a deposed group member before it claims again; at least a fifth of it. */
  readonly reclaimMaxMs: number;
  readonly starvedWaitMs: number;
  readonly partitionCheckMs: number;
  readonly commitEveryMs: number;
  readonly snapshotEveryMs: number;
  /** About so many bytes of a snapshot are packed at a time. */
  readonly snapshotPieceBytes: number;
  /** Fetched and not yet folded, a partition. */
  readonly queueBytesMax: number;
  readonly outputMessagesMax: number;
  readonly outputBytesMax: number;
  readonly drainMs: number;
  /** So long may nothing be folded while there is something to fold: then the clients are built anew. */
  readonly stallMs: number;
  /** Largest difference between a claim's append time and our clock; null (embedded broker): not checked. */
  readonly clockSkewMaxMs: number | null;
  /** Tasks that other instances own are folded too, without writing anything, so that they are taken over at once. */
  readonly isStandby: boolean;
  /** A drain first orders what the inputs hold: for the embedded broker, which forgets it. */
  readonly foldsToEndOnDrain: boolean;
}

export const defaultTuning: TaskTuning = {
  pipelineDepth: 4,
  entryRecordsMax: 10_000,
  entryBytesMax: 4_194_304,
  entryEveryMs: 10,
  idleMs: 10_000,
  tickMs: 1_000,
  ownerHeartbeatMs: 3_000,
  ownerSilenceMs: 10_000,
  reclaimMaxMs: 1_500,
  starvedWaitMs: 250,
  partitionCheckMs: 5_000,
  commitEveryMs: 100,
  snapshotEveryMs: 10_000,
  snapshotPieceBytes,
  queueBytesMax: 4_194_304,
  outputMessagesMax: 20_000,
  outputBytesMax: 16_777_216,
  drainMs: 8_000,
  stallMs: 30_000,
  clockSkewMaxMs: 5_000,
  isStandby: false,
  foldsToEndOnDrain: false,
};

/** Everything that tasks are handed. */
export interface TaskServiceOptions {
  readonly createFold: (shard: number) => Fold;
  readonly shards: number;
  /** Who owns which partition (shard) of the order topic. */
  readonly membership: Membership;
  readonly orderTopic: string;
  readonly startFrom: StartFrom;
  readonly epoch: EpochOptions;
  /** The input topics, with the archive behind them where there is one. */
  readonly inputs: Source;
  /** The order topic, with the archive behind it where there is one. */
  readonly order: Source;
  /** Inputs and order logs of an epoch as archived: read when a CRC differs, and before a new epoch. A new source each call. */
  readonly archive?: ((epoch: number) => Source) | undefined;
  /** The version that this one takes over from, as long as it has never run. */
  readonly predecessor?: Predecessor | undefined;
  /** Which incarnation of an input topic there is; null: not known. Absent where no topic is ever made anew in place. */
  readonly incarnationOf?: ((topic: string) => Promise<string | null>) | undefined;
  readonly producer: Producer;
  readonly orderProducer: Producer;
  readonly partitionFor: PartitionFor;
  readonly store: CheckpointStore;
  /** Commits for display and for the gate; by default through the membership. */
  readonly commit?: ((offsets: readonly NextOffset[]) => Promise<void>) | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly failpoint?: Failpoint | undefined;
  readonly tuning?: Partial<TaskTuning> | undefined;
  readonly seams?: Partial<TaskSeams> | undefined;
}

/** Parts that a simulation replaces by broken ones, to prove that it would notice. */
export interface TaskSeams {
  readonly judge: typeof judge;
  readonly createOutputs: typeof createOutputs;
  readonly createOrderReader: typeof createOrderReader;
}
