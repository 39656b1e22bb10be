// How the windows channels come to hold what ClickHouse holds, without a gap and without a step back (design: read the sink's
// committed positions, then query the rows, then fold the topic from those positions past the end seen at query time).
// Guarantees: `complete` is said only then; until it can be, viewers get what is pushed, marked partial. A gap in the topic asks for
// another build. Redelivery: any part may be repeated; everything folds by identity and revision.
import type { NextOffset } from '../../kafka/contract.ts';
import type { WindowResult } from '../../events/results.ts';
import { topicPartitionName, type Source, type TopicPartition } from '../../sources/source.ts';

/** What the store is asked for: rows with revisions and tombstones, at most `rowsPerOutputMax` of each output, newest windows first. */
export interface WindowRowsQuery {
  readonly pipeline: string;
  readonly rowsPerOutputMax: number;
  /** Windows up to five minutes long: those that end within this of the output's newest window end. */
  readonly shortHorizonMs: number;
  /** The same for longer windows. */
  readonly longHorizonMs: number;
}

export type WindowRows = (query: WindowRowsQuery) => Promise<readonly WindowResult[]>;
export type CommittedPositions = (topics: readonly string[]) => Promise<readonly NextOffset[]>;

/** Rows as of a point that every partition can be read on from. */
export interface Built {
  readonly rows: readonly WindowResult[];
  readonly starts: readonly NextOffset[];
  /** Complete once each partition is read up to here. */
  readonly ends: ReadonlyMap<string, bigint>;
}

export interface BuildOptions {
  readonly reader: Source;
  readonly topics: readonly string[];
  readonly pipelines: readonly string[];
  readonly committedPositions: CommittedPositions;
  readonly windowRows: WindowRows;
  readonly query: Omit<WindowRowsQuery, 'pipeline'>;
  /** By partition: the store must hold everything before these offsets, or the build is of no use yet. */
  readonly neededUpTo: ReadonlyMap<string, bigint>;
}

/** One build. Rejects when the store or broker is away, or the store has not come past a gap yet. */
export async function build(options: BuildOptions): Promise<Built> {
  const committed = new Map(
    (await options.committedPositions(options.topics)).map((at) => [topicPartitionName(at), at.nextOffset]),
  );
  for (const [name, needed] of options.neededUpTo)
    if ((committed.get(name) ?? -1n) < needed) throw new Error(`ClickHouse has not come past the gap of ${name} yet`);
  const rows: WindowResult[] = [];
  for (const pipeline of options.pipelines)
    for (const row of await options.windowRows({ pipeline, ...options.query })) rows.push(row);
  const starts: NextOffset[] = [];
  const ends = new Map<string, bigint>();
  for (const tp of await partitionsOf(options.reader, options.topics)) {
    const { lowOffset, endOffset } = await options.reader.bounds(tp);
    const at = committed.get(topicPartitionName(tp)) ?? -1n;
    starts.push({ ...tp, nextOffset: startOf(at, lowOffset, endOffset) });
    ends.set(topicPartitionName(tp), endOffset);
  }
  return { rows, starts, ends };
}

/** Records of a partition without a committed position that are read at most: about two seconds of folding. */
const uncommittedRecordsMax = 200_000n;

/** The committed position, if the partition still has it; else as much as is there, within reason. */
function startOf(committed: bigint, lowOffset: bigint, endOffset: bigint): bigint {
  if (committed >= lowOffset && committed <= endOffset) return committed;
  return tailStart({ lowOffset, endOffset }, uncommittedRecordsMax);
}

export function tailStart(
  { lowOffset, endOffset }: { readonly lowOffset: bigint; readonly endOffset: bigint },
  recordsMax: bigint,
): bigint {
  return endOffset - lowOffset > recordsMax ? endOffset - recordsMax : lowOffset;
}

async function partitionsOf(reader: Source, topics: readonly string[]): Promise<readonly TopicPartition[]> {
  const found: TopicPartition[] = [];
  for (const topic of topics) {
    const count = await reader.partitionCount(topic);
    for (let partition = 0; partition < count; partition++) found.push({ topic, partition });
  }
  return found;
}
