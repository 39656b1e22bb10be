import type { DeadLetter, LateRecord, Quarantined, Result, WindowResult } from '../../events/results.ts';

/**
 * Bytes of a result topic as a result. Guarantees that what comes out fits its table in every field, so that no insert can
 * fail on data; anything else comes out as a reason, for `sink_rejects`. Pure: the same bytes are judged the same whenever
 * they are redelivered.
 */
export type ReadResult =
  { readonly kind: 'result'; readonly result: Result } | { readonly kind: 'reject'; readonly reason: string };

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isTextOrNull: Check = (value) => value === null || typeof value === 'string';
const isU32: Check = (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff;
const isI32: Check = (value) => Number.isInteger(value) && Math.abs(Number(value)) <= 0x7fff_ffff;
const isMs: Check = (value) => Number.isSafeInteger(value);
const isMsOrNull: Check = (value) => value === null || Number.isSafeInteger(value);
const isNumber: Check = (value) => Number.isFinite(value);
const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isI64: Check = (value) =>
  typeof value === 'string' && /^-?\d{1,19}$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value);
const isU64: Check = (value) =>
  typeof value === 'string' && /^\d{1,20}$/.test(value) && BigInt.asUintN(64, BigInt(value)) === BigInt(value);
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);

const input = {
  'input.topic': isText,
  'input.partition': isI32,
  'input.inputOffset': isI64,
  'input.timestampMs': isMs,
};
const base = {
  pipeline: isText,
  version: isU32,
  revision: isU64,
  'producer.shard': isU32,
  'producer.epoch': isU32,
  'producer.orderOffset': isI64,
  'producer.index': isU32,
  'producer.entryId': isText,
};
const window = { output: isText, key: isText, windowStartMs: isMs, windowEndMs: isMs, watermarkMs: isMsOrNull };

type Fields<K extends Result['kind']> = K extends 'window'
  ? WindowResult
  : K extends 'late'
    ? LateRecord
    : K extends 'dead-letter'
      ? DeadLetter
      : Quarantined;

const checksOf: {
  readonly [K in Result['kind']]: Readonly<Record<string, Check>> & { readonly [F in keyof Fields<K>]?: Check };
} = {
  window: {
    ...base,
    ...window,
    state: oneOf('provisional', 'final', 'corrected', 'tombstone'),
    complete: oneOf(0, 1),
    clockMs: isMs,
    values: isObject,
  },
  late: {
    ...base,
    ...window,
    ...input,
    eventId: isText,
    source: isText,
    eventTimeMs: isMs,
    lateByMs: isNumber,
    wouldAdd: isObject,
  },
  'dead-letter': {
    ...base,
    ...input,
    reason: isText,
    message: isText,
    fieldPath: isTextOrNull,
    source: isTextOrNull,
    keyBase64: isTextOrNull,
    valueBase64: isTextOrNull,
  },
  quarantined: {
    ...base,
    ...input,
    eventType: isText,
    eventVersion: isU32,
    newestKnownVersion: isU32,
    keyBase64: isTextOrNull,
    valueBase64: isTextOrNull,
  },
};

/** `value` null: a tombstone of the topic, which no result topic has. */
export function readResult(value: Uint8Array | null): ReadResult {
  if (value === null) return { kind: 'reject', reason: 'no value' };
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8'));
  } catch {
    return { kind: 'reject', reason: 'not JSON' };
  }
  const kind = fieldOf(parsed, 'kind');
  if (typeof kind !== 'string' || !Object.hasOwn(checksOf, kind)) return { kind: 'reject', reason: 'not a result' };
  for (const [path, check] of Object.entries(checksOf[kind as Result['kind']]))
    if (!check(path.split('.').reduce(fieldOf, parsed)))
      return { kind: 'reject', reason: `${kind}: ${path} is not as it must be` };
  return { kind: 'result', result: parsed as Result };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
