/** Which windows an event time falls into. Windows are [startMs, endMs); tumbling and hopping ones are aligned to 1970. */
export type WindowSpec =
  | { readonly kind: 'tumbling'; readonly sizeMs: number }
  /** A window of `sizeMs` begins every `advanceMs`; an event is in up to `ceil(sizeMs / advanceMs)` of them. */
  | { readonly kind: 'hopping'; readonly sizeMs: number; readonly advanceMs: number }
  /**
   * Events of a key that are less than `gapMs` apart; it ends `gapMs` after its last. However long it gets, it takes nothing that
   * lies further than `reachMs` (and the allowed lateness) behind the watermark.
   */
  | { readonly kind: 'session'; readonly gapMs: number; readonly reachMs: number };

/** Windows of one hopping output that an event may be in: each costs as much as a tumbling window. */
export const overlapMax = 1_000;

/** How far behind the watermark the oldest event lies that such a window still accepts, without allowed lateness. */
export const reachOf = (spec: WindowSpec): number => (spec.kind === 'session' ? spec.reachMs : spec.sizeMs);

/** How many windows an event may be in. */
export function overlapOf(spec: WindowSpec): number {
  return spec.kind === 'hopping' ? Math.ceil(spec.sizeMs / spec.advanceMs) : 1;
}

/** Throws a RangeError that says what is wrong with the window. */
export function checkWindow(spec: WindowSpec): void {
  for (const [name, ms] of Object.entries(spec))
    if (name !== 'kind' && (!Number.isSafeInteger(ms) || Number(ms) <= 0))
      throw new RangeError(`${name} must be a whole number of ms above 0`);
  if (spec.kind === 'hopping' && spec.advanceMs > spec.sizeMs)
    throw new RangeError('advanceMs must not be above sizeMs: events between two windows would be in none');
  if (overlapOf(spec) > overlapMax) throw new RangeError(`an event would be in more than ${overlapMax} windows`);
  if (spec.kind === 'session' && spec.reachMs < spec.gapMs) throw new RangeError('reachMs must not be below gapMs');
}
