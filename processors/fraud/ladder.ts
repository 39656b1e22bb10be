// The trailing sums of one key in one currency, over several windows at once. Each window has tiles of a sixtieth of its size.
// Guarantees: what is read is exact for whole tiles; a window reaches back its size, and up to one tile further.
// Redelivery: knows no ids; duplicates were dropped before.

/** Windows by name, shortest first: one that holds a time is held by every longer one. */
export const ladderWindows = [
  { name: '1m', sizeMs: 60_000 },
  { name: '10m', sizeMs: 600_000 },
  { name: '1h', sizeMs: 3_600_000 },
  { name: '24h', sizeMs: 86_400_000 },
  { name: '7d', sizeMs: 604_800_000 },
  { name: '28d', sizeMs: 2_419_200_000 },
] as const;

/** Windows that features are named after; the last level serves shares over 28 days alone. */
export const featureWindows = ladderWindows.slice(0, 5);
export const level28d = 5;

/** Tiles a window: what it reaches back is its size plus at most 1 / 60 of it. */
const tilesPerWindow = 60;
const sizesMs: readonly number[] = ladderWindows.map(({ sizeMs }) => sizeMs);
const tilesMs: readonly number[] = sizesMs.map((sizeMs) => sizeMs / tilesPerWindow);
const levelCount = sizesMs.length;

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

  clear(): void {
    for (let level = 0; level < featureWindows.length; level++)
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

/** Numbers a tile: tile, count, sum, max. */
const stride = 4;
/** So many payments are kept one by one, which takes a tenth of the memory of their tiles, and no longer to read. */
const singlesMax = 64;
/** What each window holds that the next shorter one does not; written anew for each reading. */
const inner = new Totals();

export class Ladder {
  /** Time and amount of each payment, as long as there are few; then null, and the tiles hold them. */
  private singles: number[] | null;
  /** Of each window its tiles, oldest first, flat. */
  private levels: number[][] | null;

  constructor(levels: number[][] | null = null) {
    this.levels = levels;
    this.singles = levels ? null : [];
  }

  add(timeMs: number, amountMinor: number): void {
    if (this.singles && this.singles.length === 2 * singlesMax) {
      this.levels = tilesOf(this.singles);
      this.singles = null;
    }
    if (this.singles) this.singles.push(timeMs, amountMinor);
    else addToAll(this.levels as number[][], timeMs, amountMinor);
  }

  /** Adds what the windows hold to `into`: payments of the currency that is asked for. */
  read(edges: Edges, into: Totals): void {
    if (this.singles) readSingles(this.singles, edges, into);
    else if (this.levels) readTiles(this.levels, edges, into);
  }

  /** Adds only how many they hold: payments of another currency. */
  readCounts(edges: Edges, into: Totals): void {
    for (let level = 0; level < featureWindows.length; level++) into.addAll(level, this.count(level, edges));
  }

  /** How many payments a window holds. */
  count(level: number, { firstTile, startMs }: Edges): number {
    let count = 0;
    if (this.singles) {
      const from = startMs[level] as number;
      for (let at = 0; at < this.singles.length; at += 2) if ((this.singles[at] as number) >= from) count += 1;
    } else if (this.levels) {
      const tiles = this.levels[level] as number[];
      const first = firstTile[level] as number;
      for (let at = tiles.length - stride; at >= 0 && (tiles[at] as number) >= first; at -= stride)
        count += tiles[at + 1] as number;
    }
    return count;
  }

  /** Forgets what no window as of these edges or later ones counts. */
  expire(edges: Edges): void {
    if (this.levels) expireTiles(this.levels, edges);
    // Single payments are few: what is over waits until there is no room.
    else if (this.singles?.length === 2 * singlesMax) this.singles = within(this.singles, edges);
  }

  /** Tiles, whether it has them or not: the same payments give the same, `edges` being those of the last `expire`. */
  snapshot(edges: Edges): number[][] {
    if (!this.singles) return this.levels as number[][];
    const levels = tilesOf(this.singles);
    expireTiles(levels, edges);
    return levels;
  }
}

function readSingles(singles: readonly number[], edges: Edges, into: Totals): void {
  inner.clear();
  for (let at = 0; at < singles.length; at += 2) {
    const level = edges.shortestOf(singles[at] as number);
    if (level < featureWindows.length) inner.add(level, 1, singles[at + 1] as number, singles[at + 1] as number);
  }
  let count = 0;
  let sumMinor = 0;
  let maxMinor = 0;
  for (let level = 0; level < featureWindows.length; level++) {
    count += inner.count[level] as number;
    sumMinor += inner.sumMinor[level] as number;
    maxMinor = Math.max(maxMinor, inner.maxMinor[level] as number);
    into.addAll(level, count);
    into.add(level, count, sumMinor, maxMinor);
  }
}

function readTiles(levels: readonly number[][], { firstTile }: Edges, into: Totals): void {
  for (let level = 0; level < featureWindows.length; level++) {
    const tiles = levels[level] as number[];
    const first = firstTile[level] as number;
    let count = 0;
    let sumMinor = 0;
    let maxMinor = 0;
    for (let at = tiles.length - stride; at >= 0 && (tiles[at] as number) >= first; at -= stride) {
      count += tiles[at + 1] as number;
      sumMinor += tiles[at + 2] as number;
      if ((tiles[at + 3] as number) > maxMinor) maxMinor = tiles[at + 3] as number;
    }
    into.addAll(level, count);
    into.add(level, count, sumMinor, maxMinor);
  }
}

/** The single payments that the longest window still counts. */
function within(singles: readonly number[], { startMs }: Edges): number[] {
  const left: number[] = [];
  const from = startMs[levelCount - 1] as number;
  for (let at = 0; at < singles.length; at += 2)
    if ((singles[at] as number) >= from) left.push(singles[at] as number, singles[at + 1] as number);
  return left;
}

function tilesOf(singles: readonly number[]): number[][] {
  const levels: number[][] = sizesMs.map(() => []);
  for (let at = 0; at < singles.length; at += 2) addToAll(levels, singles[at] as number, singles[at + 1] as number);
  return levels;
}

function expireTiles(levels: readonly number[][], { firstTile }: Edges): void {
  for (let level = 0; level < levelCount; level++) {
    const tiles = levels[level] as number[];
    const first = firstTile[level] as number;
    let gone = 0;
    while (gone < tiles.length && (tiles[gone] as number) < first) gone += stride;
    if (gone > 0) tiles.splice(0, gone);
  }
}

function addToAll(levels: readonly number[][], timeMs: number, amountMinor: number): void {
  for (let level = 0; level < levelCount; level++)
    addTo(levels[level] as number[], Math.floor(timeMs / (tilesMs[level] as number)), amountMinor);
}

function addTo(tiles: number[], tile: number, amountMinor: number): void {
  let at = tiles.length - stride;
  while (at >= 0 && (tiles[at] as number) > tile) at -= stride;
  if (at >= 0 && tiles[at] === tile) {
    tiles[at + 1] = (tiles[at + 1] as number) + 1;
    tiles[at + 2] = (tiles[at + 2] as number) + amountMinor;
    tiles[at + 3] = Math.max(tiles[at + 3] as number, amountMinor);
  } else if (at === tiles.length - stride) tiles.push(tile, 1, amountMinor, amountMinor);
  else tiles.splice(at + stride, 0, tile, 1, amountMinor, amountMinor);
}
