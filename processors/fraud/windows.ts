// The windows that features look back over, and where they begin: at the edge of a tile, which is a sixtieth of a window.
// Guarantees: a window reaches back its size, and up to one tile further; what a window holds every longer one does.
// Redelivery: no state but the edges that were asked for last.

/** Windows by name, shortest first: one that holds a time is held by every longer one. */
export const ladderWindows = [
  { name: '1m', sizeMs: 60_000 },
  { name: '10m', sizeMs: 600_000 },
  { name: '1h', sizeMs: 3_600_000 },
  { name: '24h', sizeMs: 86_400_000 },
  { name: '7d', sizeMs: 604_800_000 },
  { name: '28d', sizeMs: 2_419_200_000 },
] as const;

/** Levels that features are named after, of all. */
export const featureLevels = 5;
/** Windows that features are named after; the last level serves shares over 28 days alone. */
export const featureWindows = ladderWindows.slice(0, featureLevels);
export const level28d = 5;

/** Tiles a window: what it reaches back is its size plus at most 1 / 60 of it. */
const tilesPerWindow = 60;
const sizesMs: readonly number[] = ladderWindows.map(({ sizeMs }) => sizeMs);
export const tilesMs: readonly number[] = sizesMs.map((sizeMs) => sizeMs / tilesPerWindow);
export const levelCount = sizesMs.length;

/** Where all windows as of one time begin: at the edge of a tile. */
export class Edges {
  asOfMs = Number.NaN;
  readonly firstTile = new Float64Array(levelCount);
  readonly startMs = new Float64Array(levelCount);

  moveTo(asOfMs: number): void {
    this.asOfMs = asOfMs;
    for (let level = 0; level < levelCount; level++) {
      const tileMs = tilesMs[level] as number;
      const first = Math.floor((asOfMs - (sizesMs[level] as number)) / tileMs);
      this.firstTile[level] = first;
      this.startMs[level] = first * tileMs;
    }
  }

  /** The shortest window that holds a time; `levelCount` where none does. */
  shortestOf(timeMs: number): number {
    let level = 0;
    while (level < levelCount && timeMs < (this.startMs[level] as number)) level++;
    return level;
  }
}

/** What the windows that features are named after hold, by level; read into it, so that reading makes no object. */
export class Totals {
  /** In all currencies. */
  readonly countAll = new Float64Array(featureWindows.length);
  readonly count = new Float64Array(featureWindows.length);
  readonly sumMinor = new Float64Array(featureWindows.length);
  readonly maxMinor = new Float64Array(featureWindows.length);
  /** Others, in all currencies. */
  readonly distinct = new Float64Array(featureWindows.length);
  /** When the other of the payment at hand was last seen before; −Infinity: never. */
  readonly otherMs = new Float64Array(1);

  clear(): void {
    for (let level = 0; level < featureLevels; level++)
      this.countAll[level] = this.count[level] = this.sumMinor[level] = this.maxMinor[level] = 0;
  }

  /** Payments in any currency. */
  addAll(level: number, count: number): void {
    this.countAll[level] = (this.countAll[level] as number) + count;
  }

  add(level: number, count: number, sumMinor: number, maxMinor: number): void {
    this.count[level] = (this.count[level] as number) + count;
    this.sumMinor[level] = (this.sumMinor[level] as number) + sumMinor;
    if (maxMinor > (this.maxMinor[level] as number)) this.maxMinor[level] = maxMinor;
  }
}
