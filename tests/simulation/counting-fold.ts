import { crc32 } from 'node:zlib';
import { topicPartitionName } from '../../sources/source.ts';
import type { Fold, FoldEntry, FoldOutput } from '../../tasks/contract.ts';
import { valueAt } from '../../tasks/range.ts';

/** An input record of the simulation. */
export interface SimEvent {
  readonly key: string;
  readonly amount: number;
  readonly eventTimeMs: number;
}

/** An output: the key's totals as of an entry, with its position. */
export interface SimResult {
  readonly key: string;
  readonly count: number;
  readonly sum: number;
  readonly epoch: number;
  readonly orderOffset: number;
  readonly index: number;
}

interface State {
  totals: Map<string, { count: number; sum: number }>;
  times: Map<string, number>;
  /** Hash of everything that was ever folded, in order: two folds agree when it is equal. */
  chain: number;
  records: number;
}

export const resultTopic = 'results';

/** The smallest fold that notices everything: totals by key, and a running hash of all that it was handed. */
export function createCountingFold(onEntry: (entry: FoldEntry, chain: number) => void = () => {}): Fold {
  let state: State = { totals: new Map(), times: new Map(), chain: 0, records: 0 };
  return {
    pipeline: 'counting',
    version: 1,
    inputs: ['in'],
    stateHash: '00000000000000aa',
    fold(entry) {
      const touched = new Set<string>();
      for (const [partition, event] of eventsOf(entry)) {
        const total = state.totals.get(event.key) ?? { count: 0, sum: 0 };
        state.totals.set(event.key, { count: total.count + 1, sum: total.sum + event.amount });
        state.times.set(partition, Math.max(state.times.get(partition) ?? -Infinity, event.eventTimeMs));
        state.records++;
        touched.add(event.key);
      }
      state.chain = chainOf(state.chain, entry);
      onEntry(entry, state.chain);
      return [...touched].sort().map((key, index) => toOutput(entry, key, state.totals.get(key), index));
    },
    snapshot: () => state,
    restore: (from) => (state = structuredClone(from as State)),
    partitionTimeMs: (partition) => state.times.get(partition) ?? -Infinity,
    watermarkMs: () => Math.min(...state.times.values()),
    counters: () => ({ records: state.records }),
  };
}

function* eventsOf(entry: FoldEntry): Generator<readonly [string, SimEvent]> {
  for (const batch of entry.batches)
    for (let i = 0; i < batch.count; i++)
      yield [topicPartitionName(batch), JSON.parse(Buffer.from(valueAt(batch, i) ?? []).toString()) as SimEvent];
}

/** Everything of an entry that a fold may use. */
export function chainOf(chain: number, entry: FoldEntry): number {
  const events = [...eventsOf(entry)].map(([partition, event]) => [partition, event.key, event.amount]);
  const { epoch, entryId, clockMs, idle, partitions, hasSkip } = entry;
  const text = JSON.stringify([
    epoch,
    entryId,
    clockMs,
    idle,
    partitions,
    hasSkip,
    entry.orderOffset.toString(),
    events,
  ]);
  return crc32(text, chain);
}

function toOutput(
  entry: FoldEntry,
  key: string,
  total: { count: number; sum: number } | undefined,
  index: number,
): FoldOutput {
  const orderOffset = Number(entry.orderOffset);
  const result: SimResult = {
    key,
    count: total?.count ?? 0,
    sum: total?.sum ?? 0,
    epoch: entry.epoch,
    orderOffset,
    index,
  };
  return { topic: resultTopic, key, value: Buffer.from(JSON.stringify(result)) };
}
