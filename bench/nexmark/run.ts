import { readAscii } from '../../cli/start/decoder-of.ts';
import { createDecoder } from '../../events/compiled/decoder.ts';
import { createPipeline } from '../../pipeline.ts';
import type { Decode } from '../../streams/ingest.ts';
import { EntryLog, type LoggedRecord } from '../../streams/entry-log.ts';
import type { Fold, FoldEntry, FoldOutput } from '../../tasks/contract.ts';
import { type Bid, closingEvent, eventTimeOf, nexmark, nexmarkEvents, outOfOrdernessMs } from './events.ts';
import type { Placed } from './oracle.ts';
import { type QueryName, nexmarkTopics, queries } from './queries.ts';

const entryRecords = 5_000;
const partitions = ['nexmark-0', 'nexmark-1'];

export interface NexmarkLog {
  readonly entries: readonly FoldEntry[];
  /** Bids with the clock of their entry; only where they are asked for. */
  readonly bids: readonly Placed[];
}

/** The events as order entries, the clock going on with them, and an entry that ends everything. */
export function nexmarkLog(events: number, keepsBids: boolean): NexmarkLog {
  const log = new EntryLog(partitions);
  const entries: FoldEntry[] = [];
  const bids: Placed[] = [];
  let waiting: LoggedRecord[] = [];
  let count = 0;
  const append = (): void => {
    // A run of each partition.
    waiting.sort((a, b) => (a.partition === b.partition ? 0 : (a.partition ?? '') < (b.partition ?? '') ? -1 : 1));
    const clockMs = eventTimeOf(count);
    entries.push(log.append({ clockMs, records: waiting }));
    if (keepsBids)
      for (const { value } of waiting) if ((value as Bid).type === 'bid') bids.push({ bid: value as Bid, clockMs });
    waiting = [];
  };
  for (const value of nexmark(events)) {
    waiting.push({ partition: partitions[count++ % partitions.length] ?? '', value });
    if (waiting.length === entryRecords) append();
  }
  append();
  const close = closingEvent(events);
  const records = partitions.map((partition) => ({ partition, value: { ...close, id: `close-${partition}` } }));
  entries.push(
    log.append({ clockMs: close.eventTimeMs, records }),
    log.append({ clockMs: close.eventTimeMs + 60_000 }),
  );
  return { entries, bids };
}

export function nexmarkFold(query: QueryName): Fold {
  const processor = queries[query]();
  const decoder = createDecoder({ readAscii, fieldsRead: processor.fieldsRead, types: nexmarkEvents });
  return createPipeline<Bid>({
    processor,
    decode: ((bytes, start, end) => decoder.decode(bytes, start, end)) as Decode<unknown> as Decode<Bid>,
    clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
    ...{ outOfOrdernessMs, dedupe: null, shard: 0, shards: 1 },
  });
}

interface Row {
  readonly key: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** The final results of a query, as the oracle writes them. */
export function resultLines(query: QueryName, outputs: readonly FoldOutput[]): string[] {
  const lines: string[] = [];
  for (const { topic, value } of outputs) {
    if (topic === nexmarkTopics.late) throw new Error(`${query}: a record was late`);
    if (topic === nexmarkTopics.results) lines.push(lineOf[query](JSON.parse(Buffer.from(value).toString())));
  }
  return lines;
}

type LineOf = (row: Row & Readonly<Record<string, unknown>>) => string;

const ranked = (bids: unknown): string =>
  (bids as readonly { id: string; price: number }[]).map(({ id, price }) => `${id}:${price}`).join(',');

const lineOf: Readonly<Record<QueryName, LineOf>> = {
  q0: ({ id, price }) => `${String(id)} ${String(price)}`,
  q1: ({ id, price }) => `${String(id)} ${String(price)}`,
  q2: ({ auction, price }) => `${String(auction)} ${String(price)}`,
  q5: ({ windowStartMs, bids, auctions }) => `${windowStartMs} ${String(bids)} ${(auctions as number[]).join(',')}`,
  q7: ({ windowStartMs, key, values }) => `${windowStartMs} ${key} ${ranked(values['highest'])}`,
  q11: ({ windowStartMs, windowEndMs, key, values }) =>
    `${windowStartMs} ${key} ${windowEndMs} ${String(values['bids'])}`,
  q12: ({ windowStartMs, key, values }) => `${windowStartMs} ${key} ${String(values['bids'])}`,
  q17: ({ windowStartMs, key, values }) => `${windowStartMs} ${key} ${Object.values(values).join(' ')}`,
  q18: ({ windowStartMs, key, values }) => `${windowStartMs} ${key} ${String(values['last'])}`,
  q19: ({ windowStartMs, key, values }) => `${windowStartMs} ${key} ${ranked(values['top'])}`,
};
