import { crc32c } from '@node-rs/crc32';

export interface TestRecord {
  readonly key?: string | null;
  readonly value?: string | null;
  readonly timestampMs?: number;
  readonly headers?: readonly (readonly [string, string])[];
}

export interface TestBatch {
  readonly baseOffset: number;
  readonly records: readonly TestRecord[];
  readonly producerId?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  readonly isAppendTime?: boolean;
  readonly codec?: number;
  readonly compress?: (plain: Buffer) => Buffer;
  /** Of each record; default 0, 1, 2, …: a compacted batch has holes. */
  readonly offsetDeltas?: readonly number[];
  readonly baseTimestampMs?: number;
}

/** A record batch v2 as a broker stores it, written from the format's own description and by none of the code that reads it. */
export function encodeBatch(batch: TestBatch): Buffer {
  const { baseOffset, records, producerId = -1, codec = 0, baseTimestampMs = 1_700_000_000_000 } = batch;
  const deltas = batch.offsetDeltas ?? records.map((_, i) => i);
  const plain = Buffer.concat(records.map((record, i) => encodeRecord(record, deltas[i] as number, baseTimestampMs)));
  const body = batch.compress ? batch.compress(plain) : plain;
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(baseOffset), 0);
  header.writeInt32BE(61 - 12 + body.length, 8);
  header[16] = 2;
  const flags = (batch.isAppendTime ? 8 : 0) | (batch.isTransactional ? 0x10 : 0) | (batch.isControl ? 0x20 : 0);
  header.writeInt16BE(codec | flags, 21);
  header.writeInt32BE(deltas.at(-1) ?? 0, 23);
  header.writeBigInt64BE(BigInt(baseTimestampMs), 27);
  header.writeBigInt64BE(BigInt(baseTimestampMs + 99), 35);
  header.writeBigInt64BE(BigInt(producerId), 43);
  header.writeInt32BE(records.length, 57);
  const all = Buffer.concat([header, body]);
  all.writeUInt32BE(crc32c(all.subarray(21)), 17);
  return all;
}

/** The key of a control record: version 0, then 0 for abort or 1 for commit. */
export const marker = (kind: 'abort' | 'commit'): string => `\0\0\0${kind === 'abort' ? '\0' : '\u0001'}`;

function encodeRecord(record: TestRecord, offsetDelta: number, baseTimestampMs: number): Buffer {
  const { key = null, value = null, timestampMs = baseTimestampMs, headers = [] } = record;
  const parts: Buffer[] = [Buffer.from([0]), varint(timestampMs - baseTimestampMs), varint(offsetDelta)];
  for (const text of [key, value])
    parts.push(varint(text === null ? -1 : Buffer.byteLength(text)), Buffer.from(text ?? ''));
  parts.push(varint(headers.length));
  for (const text of headers.flat()) parts.push(varint(Buffer.byteLength(text)), Buffer.from(text));
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(body.length), body]);
}

function varint(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}
