import { checksOf, type StoredResult } from './result-checks.ts';

/**
 * Bytes of a result topic as a result. Guarantees that what comes out fits its table in every field, so that no insert can
 * fail on data; anything else comes out as a reason, for `sink_rejects`. Pure: the same bytes are judged the same whenever
 * they are redelivered.
 */
export type ReadResult =
  { readonly kind: 'result'; readonly result: StoredResult } | { readonly kind: 'reject'; readonly reason: string };

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
  const checks = checksByPath[kind] ?? [];
  for (let i = 0; i < checks.length; i++) {
    const { outer, inner, check, path } = checks[i] as PathCheck;
    const field = fieldOf(parsed, outer);
    if (!check(inner === null ? field : fieldOf(field, inner)))
      return { kind: 'reject', reason: `${kind}: ${path} is not as it must be` };
  }
  return { kind: 'result', result: parsed as StoredResult };
}

/** `outer` or `outer.inner`: taken apart once, not for every row. */
interface PathCheck {
  readonly path: string;
  readonly outer: string;
  readonly inner: string | null;
  readonly check: (value: unknown) => boolean;
}

const checksByPath: Readonly<Record<string, readonly PathCheck[]>> = Object.fromEntries(
  Object.entries(checksOf).map(([kind, checks]) => [
    kind,
    Object.entries(checks).map(([path, check]): PathCheck => {
      const [outer = '', inner = null] = path.split('.');
      return { path, outer, inner, check };
    }),
  ]),
);

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
