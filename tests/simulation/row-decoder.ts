/** A row of the fake ClickHouse; 64-bit numbers and times are bigints, Strings latin1 text of their bytes. */
export type Row = Readonly<Record<string, unknown>>;

interface Cursor {
  readonly bytes: Buffer;
  at: number;
}

type Read = (from: Cursor) => unknown;

const fixed =
  (size: number, read: (bytes: Buffer, at: number) => unknown): Read =>
  (from) => {
    const value = read(from.bytes, from.at);
    from.at += size;
    return value;
  };
const u8 = fixed(1, (bytes, at) => bytes.readUInt8(at));
const u32 = fixed(4, (bytes, at) => bytes.readUInt32LE(at));
const i32 = fixed(4, (bytes, at) => bytes.readInt32LE(at));
const u64 = fixed(8, (bytes, at) => bytes.readBigUInt64LE(at));
const i64 = fixed(8, (bytes, at) => bytes.readBigInt64LE(at));
const f64 = fixed(8, (bytes, at) => bytes.readDoubleLE(at));

function length(from: Cursor): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = from.bytes.readUInt8(from.at++);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}
const text: Read = (from) => {
  const size = length(from);
  const value = from.bytes.toString('latin1', from.at, from.at + size);
  from.at += size;
  return value;
};
const nullable =
  (read: Read): Read =>
  (from) =>
    u8(from) === 1 ? null : read(from);
const headers: Read = (from) => Array.from({ length: length(from) }, () => [text(from), text(from)]);

const types: Readonly<Record<string, Read>> = {
  ...{ epoch: u32, partition: i32, offset: i64, previous_offset: i64, timestamp: i64, headers },
  ...{
    from_offset: i64,
    to_offset: i64,
    version: u32,
    shard: u32,
    order_offset: i64,
    output_index: u32,
    revision: u64,
  },
  ...{ window_start: i64, window_end: i64, complete: u8, watermark: nullable(i64), clock: i64 },
  ...{ event_time: i64, late_by_ms: f64, field_path: nullable(text), source: text, key: text },
};
/** The same name is of another type in some tables. */
const typesOf: Readonly<Record<string, Readonly<Record<string, Read>>>> = {
  events: { key: nullable(text), value: nullable(text) },
  order_log: { key: nullable(text), value: nullable(text) },
  dead_letters: { key: nullable(text), value: nullable(text), source: nullable(text) },
};

/** Rows of `INSERT INTO … (columns) FORMAT RowBinary`, by the types of the migrations. */
export function decodeRows(table: string, columns: readonly string[], bytes: Buffer): Row[] {
  const from: Cursor = { bytes, at: 0 };
  const reads = columns.map((column) => [column, typesOf[table]?.[column] ?? types[column] ?? text] as const);
  const rows: Row[] = [];
  while (from.at < bytes.length) rows.push(Object.fromEntries(reads.map(([column, read]) => [column, read(from)])));
  return rows;
}
