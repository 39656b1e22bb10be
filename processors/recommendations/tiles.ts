// Counts by tile of event time, flat and oldest first: [tile, count, tile, count, …]. Pure on what it is given.
// Redelivery: knows no ids; duplicates were dropped before.

export type Tiles = number[];

/** Counts one more in a tile. */
export function addToTile(tiles: Tiles, tile: number): void {
  let at = tiles.length - 2;
  while (at >= 0 && (tiles[at] as number) > tile) at -= 2;
  if (at >= 0 && tiles[at] === tile) tiles[at + 1] = (tiles[at + 1] as number) + 1;
  else if (at === tiles.length - 2) tiles.push(tile, 1);
  else tiles.splice(at + 2, 0, tile, 1);
}

/** What the tiles from `firstTile` on hold. */
export function countFrom(tiles: Tiles, firstTile: number): number {
  let count = 0;
  for (let at = tiles.length - 2; at >= 0 && (tiles[at] as number) >= firstTile; at -= 2)
    count += tiles[at + 1] as number;
  return count;
}

/** The oldest tile from `firstTile` on that holds something; undefined: none does. */
export function oldestFrom(tiles: Tiles, firstTile: number): number | undefined {
  for (let at = 0; at < tiles.length; at += 2) if ((tiles[at] as number) >= firstTile) return tiles[at];
  return undefined;
}

/** Forgets the tiles before `firstTile`. */
export function dropBefore(tiles: Tiles, firstTile: number, stride = 2): void {
  let gone = 0;
  while (gone < tiles.length && (tiles[gone] as number) < firstTile) gone += stride;
  if (gone > 0) tiles.splice(0, gone);
}
