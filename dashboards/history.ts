/** One point of a line. `null` breaks the line: nothing is known between its neighbours. */
export interface HistoryPoint {
  readonly atMs: number;
  readonly value: number | null;
}

/** The last minutes of a number, bounded in time. */
export interface History {
  /** A point not newer than the newest is ignored, so that a resent status repeats nothing; one that is older by more than the span begins anew. True when added. */
  add(atMs: number, value: number): boolean;
  points(): readonly HistoryPoint[];
}

/**
 * Points come about every second. Where two are further apart than `gapMs` the line is broken, because what happened
 * between them was never received.
 */
export function createHistory(options: { readonly spanMs: number; readonly gapMs: number }): History {
  let points: readonly HistoryPoint[] = [];
  return {
    add: (atMs, value) => {
      if ((points.at(-1)?.atMs ?? -Infinity) - atMs > options.spanMs) points = []; // another server, another clock
      const newest = points.at(-1);
      if (newest && atMs <= newest.atMs) return false;
      const isBroken = newest !== undefined && atMs - newest.atMs > options.gapMs;
      const added = isBroken
        ? [
            { atMs: newest.atMs + 1, value: null },
            { atMs, value },
          ]
        : [{ atMs, value }];
      points = [...points.filter((point) => point.atMs >= atMs - options.spanMs), ...added];
      return true;
    },
    points: () => points,
  };
}
