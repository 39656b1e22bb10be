import { createHash } from 'node:crypto';
import { pipe, Subject } from 'rxjs';
import { revisionOf } from './events/results.ts';
import { resultTopics } from './events/topics.ts';
import { type Processor, assertShards } from './processors/processor.ts';
import type { TimedEvent } from './streams/batch.ts';
import { type DedupeOptions, dedupe, passAll } from './streams/dedupe.ts';
import { type IngestOptions, ingest } from './streams/ingest.ts';
import { ofTypes } from './streams/of-types.ts';
import { atOnce, beginParts, restoreParts } from './streams/pieces.ts';
import { recordLoop } from './streams/record-loop.ts';
import { rejects } from './streams/rejects.ts';
import { stamp } from './streams/stamp.ts';
import { unrouted } from './streams/unroute.ts';
import { type WatermarkOptions, type WatermarkStage, watermark } from './streams/watermark.ts';
import { type Fold, type FoldEntry, type FoldOutput, snapshotPieceBytes } from './tasks/contract.ts';

export interface PipelineOptions<E> extends IngestOptions<TimedEvent>, WatermarkOptions {
  readonly processor: Processor<E>;
  /** Null: the inputs hold no repetitions. */
  readonly dedupe: DedupeOptions | null;
  readonly shard: number;
  readonly shards: number;
  /** A broken one, for a simulation that must notice. */
  readonly createWatermark?: (options: WatermarkOptions) => WatermarkStage<E>;
}

/** Raised when the form of snapshots changes. */
const CODEC_VERSION = 2;

/**
 * The journey of one batch. An order entry goes in; decoded, judged by event time, without its duplicates, it meets the
 * processor; what comes out has its position. Every operator is synchronous: `next` returns when the entry is folded.
 */
export function createPipeline<E extends TimedEvent>(options: PipelineOptions<E>): Fold {
  const { processor, shard, shards, createWatermark = watermark } = options;
  const { name: pipeline, version, inputs, eventTypes, stateShape, acceptsBehindMs, routedBy } = processor;
  assertShards(processor, shards);
  if (options.dedupe && options.dedupe.horizonMs < acceptsBehindMs)
    throw new RangeError(`${pipeline}: ids must be remembered for ${acceptsBehindMs} ms at least`);
  const decoded = unrouted(ingest<E>(options as unknown as IngestOptions<E>), routedBy);
  const timed = createWatermark({ ...options, timelessTopics: processor.timelessInputs ?? [] });
  const taken = ofTypes<E>(eventTypes);
  const unique = options.dedupe ? dedupe<E>(options.dedupe) : passAll<E>();
  const processed = processor.create(routedBy && ((key) => routedBy.taskOf(key) === shard));
  const left = rejects<E>({ deadLetterTopic: resultTopics.deadLetters, quarantineTopic: resultTopics.quarantine });
  const stamped = stamp<E>({ pipeline, version, shard, revisionOf });
  const stages = { decoded, timed, taken, unique, processed, left, stamped };

  const entries = new Subject<FoldEntry>();
  let outputs: readonly FoldOutput[] = [];
  let failure: { readonly error: unknown } | undefined;
  const loop = createWatermark === watermark ? recordLoop<E>({ ...options, ...stages, inputs }) : null;
  entries
    .pipe(loop ?? pipe(decoded.operator, timed.operator, taken.operator, unique.operator, processed.operator))
    .pipe(unique.forgetRejected.operator, left.operator, stamped.operator)
    .subscribe({ next: (made) => void (outputs = made), error: (error: unknown) => void (failure = { error }) });

  return {
    pipeline,
    version,
    inputs,
    shards,
    stateHash: hashOf({ stateShape, shards, codec: CODEC_VERSION }),
    fold(entry) {
      entries.next(entry);
      if (failure) throw failure.error;
      return outputs;
    },
    snapshot: () => atOnce(beginParts(stages, snapshotPieceBytes)),
    restore: (state) => restoreParts(stages, state),
    beginSnapshot: (pieceBytes) => beginParts(stages, pieceBytes),
    partitionTimeMs: (partition) => timed.partitionTimeMs(partition),
    watermarkMs: () => timed.watermarkMs(),
    counters: () => Object.assign({}, ...Object.values(stages).map((stage) => stage.counters())),
  };
}

const hashOf = (shape: unknown): string =>
  createHash('sha256').update(JSON.stringify(shape)).digest('hex').slice(0, 16);
