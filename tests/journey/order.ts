import { queryLines } from './stored-rows.ts';

/** One record of an input, in the order in which the task was to fold it. */
export interface OrderedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly inputOffset: number;
}

/** What the order log says, one entry after the other, the ignored ones left out. */
export interface OrderedEntry {
  readonly clockMs: number;
  readonly partitions: readonly string[];
  /** Logged idle, and without a record in this entry. */
  readonly idle: ReadonlySet<string>;
  readonly records: readonly OrderedRecord[];
}

interface LogRecord {
  readonly kind: 'claim' | 'entry';
  readonly id: string;
  readonly prev?: string;
  readonly replaces?: string | null;
  readonly clockMs: number;
  readonly genesis?: { readonly starts: Readonly<Record<string, string>> };
  readonly ranges?: readonly (readonly [string, string, string, number, number])[];
  readonly idle?: readonly string[];
  readonly joins?: readonly (readonly [string, string])[];
}

/**
 * The archived order log of a pipeline on one broker, judged anew by the three rules of the design, without the engine's judge:
 * a claim must replace the last one, an entry must follow the head and go on where reading stands.
 */
export async function* orderedEntries(url: string, database: string, topic: string): AsyncGenerator<OrderedEntry> {
  const sql = `SELECT value FROM ${database}.order_log FINAL WHERE topic = '${topic}' ORDER BY epoch, partition, offset FORMAT JSONCompactEachRow`;
  let lastClaim: string | null = null;
  let head = '';
  let clockMs = 0;
  const positions = new Map<string, number>();
  for await (const line of queryLines(url, sql)) {
    const record = JSON.parse((JSON.parse(line) as [string])[0]) as LogRecord;
    if (record.kind === 'claim') {
      if (record.replaces !== lastClaim) continue;
      [lastClaim, head] = [record.id, record.id];
      clockMs = Math.max(clockMs, record.clockMs);
      if (record.genesis)
        for (const [name, start] of Object.entries(record.genesis.starts)) positions.set(name, Number(start));
      continue;
    }
    const joined = new Map((record.joins ?? []).map(([name, start]) => [name, Number(start)]));
    const ranges = record.ranges ?? [];
    const continues = ranges.every(([name, from]) => (joined.get(name) ?? positions.get(name)) === Number(from));
    if (record.prev !== head || !continues) continue;
    head = record.id;
    clockMs = Math.max(clockMs, record.clockMs);
    for (const [name, start] of joined) positions.set(name, start);
    for (const [name, , to] of ranges) positions.set(name, Number(to));
    const read = new Set(ranges.filter(([, , , count]) => count > 0).map(([name]) => name));
    const idle = new Set((record.idle ?? []).filter((name) => !read.has(name)));
    yield { clockMs, partitions: [...positions.keys()], idle, records: ranges.flatMap(recordsOf) };
  }
}

function recordsOf([name, from, to]: readonly [string, string, string, number, number]): readonly OrderedRecord[] {
  const dash = name.lastIndexOf('-');
  const [topic, partition] = [name.slice(0, dash), Number(name.slice(dash + 1))];
  return Array.from({ length: Number(to) - Number(from) }, (_, i) => ({
    topic,
    partition,
    inputOffset: Number(from) + i,
  }));
}
