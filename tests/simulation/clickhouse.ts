import type { ClickHouseClient } from '@clickhouse/client';
import type { Source } from '../../sources/source.ts';
import { createSimSource } from './broker.ts';
import type { Faults, SimBroker, SimPartition, SimRecord } from './broker.ts';
import { decodeRows } from './row-decoder.ts';
import type { Row } from './row-decoder.ts';
import type { SimProcess, VirtualTime } from './virtual-time.ts';

/** ClickHouse as far as the sink needs it: one row an identity, of which the highest revision stays, the last of equal ones. */
export interface SimClickHouse {
  /** A client of one process. Answers may be lost, slow or never come; what was sent lands all the same, once or twice. */
  client(process: SimProcess): ClickHouseClient;
  /** As `SELECT … FINAL`. */
  rows(table: string): readonly Row[];
  /** What was archived in an epoch, as a source. */
  archive(epoch: number, process: SimProcess): Source;
}

/** ORDER BY of the migrations. */
const identities: Readonly<Record<string, readonly string[]>> = {
  events: ['topic', 'epoch', 'partition', 'offset'],
  order_log: ['topic', 'epoch', 'partition', 'offset'],
  archive_gaps: ['topic', 'epoch', 'partition', 'from_offset'],
  sink_rejects: ['topic', 'epoch', 'partition', 'offset'],
  window_results: ['pipeline', 'version', 'output', 'key', 'window_start'],
  late_records: [
    ...['pipeline', 'version', 'output', 'key', 'window_start'],
    ...['epoch', 'topic', 'partition', 'offset'],
  ],
  dead_letters: ['pipeline', 'version', 'epoch', 'topic', 'partition', 'offset'],
};

type Tables = Map<string, Map<string, Row>>;

export function createSimClickHouse(time: VirtualTime, faults: Faults): SimClickHouse {
  const tables: Tables = new Map();
  const rows = (table: string): Row[] => [...(tables.get(table)?.values() ?? [])];
  return {
    rows,
    client: (process) => clientOf(tables, time, process, faults),
    archive: (epoch, process) => createSimSource(archiveOf(rows, epoch), process, faults),
  };
}

function store(tables: Tables, table: string, rows: readonly Row[]): void {
  const identity = identities[table];
  if (!identity) throw new Error(`${table} is not simulated`);
  const held = tables.get(table) ?? new Map<string, Row>();
  tables.set(table, held);
  for (const row of rows) {
    const id = identity.map((column) => String(row[column])).join('\u0000');
    const known = held.get(id);
    const isOlder = known && (row['revision'] as bigint) < (known['revision'] as bigint);
    if (!isOlder) held.set(id, row);
  }
}

const away = (): Error => Object.assign(new Error('simulated'), { code: 'ECONNRESET' });
/** ClickHouse's own code for a full disk. */
const full = (): Error => Object.assign(new Error('simulated'), { code: '243' });

interface Answer {
  readonly isStored: boolean;
  readonly error: Error | null;
  readonly isSlow: boolean;
  readonly isRepeated: boolean;
}

function clientOf(tables: Tables, time: VirtualTime, process: SimProcess, faults: Faults): ClickHouseClient {
  const { random } = faults;
  const insert = (table: string, columns: readonly string[], bytes: Buffer): Promise<void> => {
    const { isStored, error, isSlow, isRepeated } = answerOf(faults);
    const takesMs = 1 + random() * (isSlow ? 500 : 8);
    const land = (): void => store(tables, table, decodeRows(table, columns, bytes));
    if (isStored) time.at(time.nowMs() + takesMs, land);
    if (isStored && isRepeated) time.at(time.nowMs() + takesMs + random() * 800, land);
    const answersMs = error && random() < 0.5 ? random() * takesMs : takesMs + 1;
    return new Promise((resolve, reject) => {
      process.after(answersMs, () => (error ? reject(error) : resolve()));
    });
  };
  const client = {
    async exec({ query, values }: { readonly query: string; readonly values: AsyncIterable<Uint8Array> }) {
      const [, table = '', columns = ''] = /^INSERT INTO \w+\.(\w+) \((.+)\) FORMAT RowBinary$/.exec(query) ?? [];
      const parts: Uint8Array[] = [];
      for await (const part of values) parts.push(new Uint8Array(part));
      const names = columns.split(',').map((name) => name.trim().replaceAll('`', ''));
      await insert(table, names, Buffer.concat(parts));
      return { stream: [] };
    },
    query: ({ query, query_params: at }: { readonly query: string; readonly query_params: Row }) =>
      new Promise((resolve, reject) => {
        process.after(1 + random() * 5, () => {
          if (faults.isOn() && random() < 0.03) return reject(away());
          const table = /FROM \w+\.(\w+)/.exec(query)?.[1] ?? '';
          const found = lastBefore([...(tables.get(table)?.values() ?? [])], at);
          resolve({ json: () => Promise.resolve(found === null ? [] : [[String(found)]]) });
        });
      }),
    close: () => Promise.resolve(),
  };
  // Only what the sink calls is there.
  return client as unknown as ClickHouseClient;
}

function answerOf(faults: Faults): Answer {
  const { random } = faults;
  const calm: Answer = { isStored: true, error: null, isSlow: false, isRepeated: false };
  if (!faults.isOn()) return calm;
  const dice = random();
  const count = (kind: string, answer: Partial<Answer>): Answer => {
    faults.count(kind);
    return { ...calm, ...answer };
  };
  if (dice < 0.04) return count('insert_lost', { isStored: false, error: away() });
  if (dice < 0.1) return count('insert_ack_lost', { error: away(), isSlow: random() < 0.3 });
  if (dice < 0.12) return count('clickhouse_full', { isStored: false, error: full() });
  if (dice < 0.18) return count('insert_slow', { isSlow: true });
  if (dice < 0.24) return count('insert_repeated', { isRepeated: true });
  return calm;
}

/** What `archivedBefore` asks: the last archived offset below a place. */
function lastBefore(rows: readonly Row[], at: Row): bigint | null {
  let last: bigint | null = null;
  for (const row of rows) {
    const isHere = row['topic'] === at['topic'] && row['epoch'] === at['epoch'] && row['partition'] === at['partition'];
    const offset = row['offset'] as bigint;
    if (isHere && offset < BigInt(String(at['next'])) && (last === null || offset > last)) last = offset;
  }
  return last;
}

/** Archived records as far as the chain of previous offsets reaches. */
function archiveOf(rows: (table: string) => readonly Row[], epoch: number): Pick<SimBroker, 'partition' | 'count'> {
  const partitions = new Map<string, SimPartition>();
  const rowsOf = (topic: string): Row[] =>
    [...rows('events'), ...rows('order_log')].filter((row) => row['topic'] === topic && row['epoch'] === epoch);
  const bytes = (value: unknown): Uint8Array | null => (value === null ? null : Buffer.from(value as string, 'latin1'));
  const build = (topic: string, partition: number): SimPartition => {
    const records: SimRecord[] = [];
    const here = rowsOf(topic).filter((row) => row['partition'] === partition);
    here.sort((a, b) => ((a['offset'] as bigint) < (b['offset'] as bigint) ? -1 : 1));
    for (const row of here) {
      const last = records.at(-1);
      if (last && row['previous_offset'] !== last.offset) break;
      const { offset, key, value, timestamp } = row;
      records.push({ offset: offset as bigint, key: bytes(key), value: bytes(value), timestampMs: Number(timestamp) });
    }
    const first = here[0]?.['previous_offset'] as bigint | undefined;
    return {
      records,
      lowOffset: first === undefined ? 0n : first + 1n,
      endOffset: (records.at(-1)?.offset ?? -1n) + 1n,
      watchers: new Set(),
    };
  };
  return {
    partition({ topic, partition }) {
      const name = `${topic}-${partition}`;
      const found = partitions.get(name) ?? build(topic, partition);
      partitions.set(name, found);
      return found;
    },
    count: (topic) => 1 + Math.max(-1, ...rowsOf(topic).map((row) => row['partition'] as number)),
  };
}
