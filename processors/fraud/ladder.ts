// The trailing sums of one key in one currency, over several windows at once. Each window has tiles of a sixtieth of its size.
// Guarantees: what is read is exact for whole tiles; a window reaches back its size, and up to one tile further.
// Redelivery: knows no ids; duplicates were dropped before.

/** Windows by name, shortest first. */
export const ladderWindows = [
  { name: '1m', sizeMs: 60_000 },
  { name: '10m', sizeMs: 600_000 },
  { name: '1h', sizeMs: 3_600_000 },
  { name: '24h', sizeMs: 86_400_000 },
  { name: '7d', sizeMs: 604_800_000 },
  { name: '28d', sizeMs: 2_419_200_000 },
] as const;

/** Tiles a window: what it reaches back is its size plus at most 1 / 60 of it. */
const tilesPerWindow = 60;

/** Where a window as of `asOfMs` begins: at the edge of a tile. */
export function startMs(level: number, asOfMs: number): number {
  const { sizeMs } = ladderWindows[level] as (typeof ladderWindows)[number];
  return firstTile(sizeMs, asOfMs) * (sizeMs / tilesPerWindow);
}

/** The first tile that a window as of `asOfMs` counts. */
const firstTile = (sizeMs: number, asOfMs: number): number => Math.floor((asOfMs - sizeMs) / (sizeMs / tilesPerWindow));

/** The tile of a window size that a time lies in. */
const tileOf = (sizeMs: number, timeMs: number): number => Math.floor(timeMs / (sizeMs / tilesPerWindow));

/** What a window holds; read into it, so that reading makes no object. */
export interface Totals {
  count: number;
  sumMinor: number;
  maxMinor: number;
}

/** Numbers a tile: tile, count, sum, max. */
const stride = 4;

export class Ladder {
  /** Of each window its tiles, oldest first, flat. */
  private readonly levels: number[][];

  constructor(levels: number[][] = ladderWindows.map(() => [])) {
    this.levels = levels;
  }

  add(timeMs: number, amountMinor: number): void {
    for (let level = 0; level < ladderWindows.length; level++) {
      const { sizeMs } = ladderWindows[level] as (typeof ladderWindows)[number];
      addTo(this.levels[level] as number[], tileOf(sizeMs, timeMs), amountMinor);
    }
  }

  /** Adds what the window as of `asOfMs` holds to `into`. */
  read(level: number, asOfMs: number, into: Totals): void {
    const { sizeMs } = ladderWindows[level] as (typeof ladderWindows)[number];
    const tiles = this.levels[level] as number[];
    const first = firstTile(sizeMs, asOfMs);
    for (let at = tiles.length - stride; at >= 0 && (tiles[at] as number) >= first; at -= stride) {
      into.count += tiles[at + 1] as number;
      into.sumMinor += tiles[at + 2] as number;
      into.maxMinor = Math.max(into.maxMinor, tiles[at + 3] as number);
    }
  }

  /** Forgets tiles that no window as of `asOfMs` or later counts. */
  expire(asOfMs: number): void {
    for (let level = 0; level < ladderWindows.length; level++) {
      const { sizeMs } = ladderWindows[level] as (typeof ladderWindows)[number];
      const tiles = this.levels[level] as number[];
      const first = firstTile(sizeMs, asOfMs);
      let gone = 0;
      while (gone < tiles.length && (tiles[gone] as number) < first) gone += stride;
      if (gone > 0) tiles.splice(0, gone);
    }
  }

  snapshot(): number[][] {
    return this.levels;
  }
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
