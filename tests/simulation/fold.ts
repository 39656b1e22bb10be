import { crc32 } from 'node:zlib';
import { resultTopics } from '../../events/topics.ts';
import { createPipeline } from '../../pipeline.ts';
import type { PipelineOptions } from '../../pipeline.ts';
import type { Processor } from '../../processors/processor.ts';
import { count } from '../../streams/aggregates/count.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { max } from '../../streams/aggregates/extremes.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import type { TimedEvent } from '../../streams/batch.ts';
import type { Decoded } from '../../streams/ingest.ts';
import { atOnce, beginParts, type Part, restoreParts } from '../../streams/pieces.ts';
import { viewsShape } from '../../streams/view.ts';
import type { View } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';
import { type Fold, type FoldEntry, type FoldOutput, snapshotPieceBytes } from '../../tasks/contract.ts';
import { valueAt } from '../../tasks/range.ts';

/** An input record of the simulation. */
export interface SimEvent extends TimedEvent {
  readonly amount: number;
}

/** What the pipeline of the simulation computes; the oracle knows the same numbers, and none of the code. */
export const rules = {
  outOfOrdernessMs: 150,
  allowedLatenessMs: 300,
  provisionalEveryMs: 200,
  maxFutureMs: 2_000,
  tumblingMs: 250,
  hoppingMs: 900,
  advanceMs: 300,
  gapMs: 60,
  reachMs: 800,
} as const;

const views: readonly View<SimEvent>[] = [
  {
    name: 'key',
    keyOf: (event) => event.key,
    fields: [
      ['count', field(count, () => null)],
      ['sum', field(sum, (event: SimEvent) => event.amount)],
      ['max', field(max, (event: SimEvent) => event.amount)],
    ],
    outputs: [
      { name: 'tumbling', window: { kind: 'tumbling', sizeMs: rules.tumblingMs } },
      { name: 'hopping', window: { kind: 'hopping', sizeMs: rules.hoppingMs, advanceMs: rules.advanceMs } },
      { name: 'session', window: { kind: 'session', gapMs: rules.gapMs, reachMs: rules.reachMs } },
    ],
  },
];

const processor: Processor<SimEvent> = {
  name: 'sim',
  version: 1,
  inputs: ['in'],
  eventTypes: ['sim'],
  stateShape: viewsShape(views),
  acceptsBehindMs: rules.hoppingMs + rules.allowedLatenessMs,
  shardedBy: 'message-key',
  create: () => windowed({ ...rules, views, keysMax: 1_000, cellsMax: 10_000, topics: resultTopics }),
};

/** JSON, or `bad`. */
function decode(bytes: Uint8Array, start: number, end: number): Decoded<TimedEvent> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  if (text.startsWith('{')) return { kind: 'event', event: JSON.parse(text) as SimEvent };
  return { kind: 'dead', reason: 'undecodable', message: 'not JSON', fieldPath: null, source: null };
}

export type FoldSeams = Partial<Pick<PipelineOptions<SimEvent>, 'createWatermark'>>;

/** The real pipeline, with a running hash of all that it was handed and gave: two that differ anywhere differ in it for ever. */
export function createSimFold(
  shard: number,
  shards: number,
  onEntry: (entry: FoldEntry, chain: number, outputs: number) => void,
  seams: FoldSeams = {},
): Fold {
  const inner = createPipeline<SimEvent>({
    ...{ processor, decode, shard, shards, outOfOrdernessMs: rules.outOfOrdernessMs, ...seams },
    clockGuard: { maxFutureMs: rules.maxFutureMs, isCreateTimeTrusted: false },
    dedupe: { horizonMs: 3_600_000, idsMax: 100_000 },
  });
  let chain = 0;
  let made = 0;
  const hashes: Part = {
    snapshot: () => ({ chain, made }),
    restore: (state) => void ({ chain, made } = state as { chain: number; made: number }),
  };
  const parts = { hashes, inner };
  return {
    ...inner,
    fold(entry) {
      chain = chainOf(chain, entry);
      const outputs = inner.fold(entry);
      for (const { value } of outputs) made = crc32(value, made);
      onEntry(entry, chain, made);
      return outputs;
    },
    snapshot: () => atOnce(beginParts(parts, snapshotPieceBytes)),
    beginSnapshot: (pieceBytes) => beginParts(parts, pieceBytes),
    restore: (state) => restoreParts(parts, state),
  };
}

/** Everything of an entry that a fold may use. */
export function chainOf(chain: number, entry: FoldEntry): number {
  const { epoch, entryId, clockMs, idle, partitions, hasSkip, orderOffset } = entry;
  let next = crc32(JSON.stringify([epoch, entryId, clockMs, idle, partitions, hasSkip, `${orderOffset}`]), chain);
  for (const batch of entry.batches)
    for (let i = 0; i < batch.count; i++) {
      next = crc32(`${batch.topic}-${batch.partition}@${batch.baseOffset + BigInt(batch.offsetDeltas[i] ?? 0)}`, next);
      next = crc32(valueAt(batch, i) ?? '', next);
    }
  return next;
}

/** Our own partitioner, for the simulation's results. */
export const partitionOf = (key: string, partitions: number): number => crc32(key) % partitions;

/** The position at the end of a result's bytes, as `stamp` writes it. */
export function positionOf(value: FoldOutput['value']): { readonly entry: string; readonly index: number } | null {
  const tail = Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1').slice(-250);
  const found = /"shard":(\d+),"epoch":(\d+),"orderOffset":"(\d+)","entryId":"[^"]*","index":(\d+)\}\}$/.exec(tail);
  if (!found) return null;
  const [, shard = '', epoch = '', orderOffset = '', index = ''] = found;
  return { entry: `${shard}/${epoch}/${orderOffset}`, index: Number(index) };
}
