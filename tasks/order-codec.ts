import { crc32 } from 'node:zlib';
import { isSnapshotLabel } from '../checkpoints/store.ts';
import type { Genesis, OrderClaim, OrderEntry, OrderMark, OrderRecord } from './contract.ts';

/** Largest order record in bytes: below Kafka's default message limit of 1 MB with room for headers. */
export const orderRecordBytesMax = 900_000;

/** The record as JSON in UTF-8. Throws a RangeError beyond `orderRecordBytesMax`: the chooser keeps far below it. */
export function encodeOrderRecord(record: OrderRecord): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(record));
  if (bytes.length > orderRecordBytesMax) throw new RangeError(`order record of ${bytes.length} bytes`);
  return bytes;
}

/** Null for anything that is not a well-formed order record: everyone ignores it. Unknown fields are tolerated. */
export function decodeOrderRecord(bytes: Uint8Array | null): OrderRecord | null {
  if (!bytes || bytes.length > orderRecordBytesMax) return null;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return null;
  }
  if (!isObject(value) || !isId(value['id']) || !isMs(value['clockMs'])) return null;
  if (value['kind'] === 'claim') return isClaim(value) ? (value as unknown as OrderClaim) : null;
  if (value['kind'] === 'entry') return isEntry(value) ? (value as unknown as OrderEntry) : null;
  if (value['kind'] === 'mark') return isSnapshotLabel(value['label']) ? (value as unknown as OrderMark) : null;
  return null;
}

/** What a snapshot remembers of the order record before its offset: its id, or a checksum where it has none. */
export function orderRecordId(bytes: Uint8Array | null, record: OrderRecord | null): string {
  return record?.id ?? `#${bytes ? crc32(bytes) : 'null'}`;
}

function isClaim(value: Record<string, unknown>): boolean {
  const { replaces, genesis, topics, endedBy } = value;
  return (
    (replaces === null || isId(replaces)) &&
    (genesis === undefined || isGenesis(genesis)) &&
    (topics === undefined || (isObject(topics) && Object.values(topics).every(isId))) &&
    (endedBy === undefined || isCount(endedBy))
  );
}

function isGenesis(value: unknown): value is Genesis {
  if (!isObject(value) || !Number.isSafeInteger(value['epoch']) || (value['epoch'] as number) < 0) return false;
  const { base, starts, gap, incarnation, shards, counts } = value;
  const isBase = base === null || (isObject(base) && isId(base['name']) && isId(base['sha256']));
  return (
    isBase &&
    (incarnation === undefined || isCount(incarnation)) &&
    (shards === undefined || isCount(shards)) &&
    (counts === undefined || (isObject(counts) && Object.values(counts).every(isCount))) &&
    (gap === undefined || typeof gap === 'string') &&
    isObject(starts) &&
    Object.values(starts).every(isOffset)
  );
}

function isEntry(value: Record<string, unknown>): boolean {
  const { prev, ranges, idle, joins, skips } = value;
  return (
    isId(prev) &&
    isListOf(ranges, (r) => isRange(r)) &&
    isListOf(idle, isId) &&
    (joins === undefined || isListOf(joins, (j) => Array.isArray(j) && isId(j[0]) && isOffset(j[1]))) &&
    (skips === undefined || isListOf(skips, (s) => Array.isArray(s) && isId(s[0]) && isOffset(s[1]) && isOffset(s[2])))
  );
}

const isRange = (r: unknown): boolean =>
  Array.isArray(r) && isId(r[0]) && isOffset(r[1]) && isOffset(r[2]) && isCount(r[3]) && isCount(r[4]);
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const isListOf = (v: unknown, is: (item: unknown) => boolean): boolean =>
  Array.isArray(v) && v.every((item) => is(item));
const isId = (v: unknown): v is string => typeof v === 'string' && v.length > 0 && v.length <= 512;
const isMs = (v: unknown): boolean => Number.isSafeInteger(v) && (v as number) >= 0;
const isCount = (v: unknown): boolean => Number.isSafeInteger(v) && (v as number) >= 0;
/** Canonical decimal text, so that equal offsets are equal text. */
const isOffset = (v: unknown): v is string => typeof v === 'string' && /^(0|[1-9]\d{0,18})$/.test(v);
