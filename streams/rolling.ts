// Rolling windows: the trailing aggregate of a key "as of this event", for scoring at arrival.
// Guarantees: exact at the newest edge (events up to and at the event's own time, whatever came after it or later in time);
// the far edge moves in tiles, like a saw: what is covered reaches back `sizeMs`, and up to one `tileMs` further.
// Redelivery: knows no ids; duplicates were dropped before. The same calls give the same answers.
import type { Aggregate } from './aggregates/aggregate.ts';

//            far edge (on a tile)                                t
//   ──┬───────┬───────┬───────┬───────┬───────┬───────┬───────┬──●────┬──▶ event time
//     │ gone  │▓ tile │▓ tile │▓ tile │▓ tile │▓ tile │▓ tile │▓▓│    │      ▓ counted as of t
//   ──┴───────┴───────┴───────┴───────┴───────┴───────┴───────┴──┴────┴──
//                 ◀───────────────── sizeMs ─────────────────▶
export interface RollingOptions<Value, State, Result> {
  readonly aggregate: Aggregate<Value, State, Result>;
  readonly sizeMs: number;
  readonly tileMs: number;
  /** Keys with state; a new one beyond is refused. */
  readonly keysMax: number;
}

/** `full`: the key is new and there is no room; nothing was added. `late`: the event is behind the watermark; nothing was added. */
export type RollingAnswer<Result> =
  { readonly kind: 'ok'; readonly result: Result } | { readonly kind: 'full' } | { readonly kind: 'late' };

interface Tile<Value, State> {
  readonly startMs: number;
  /** All of the tile. */
  state: State;
  newestMs: number;
  /** Its events one by one while the watermark is not past it; then null. */
  events: { timesMs: number[]; values: Value[] } | null;
}

export class Rolling<Value, State, Result> {
  private readonly options: RollingOptions<Value, State, Result>;
  /** Tiles of each key, by start. */
  private readonly tilesOf = new Map<string, Tile<Value, State>[]>();
  /** Which keys have a tile that starts there: what to look at when the watermark passes it, and nothing else. */
  private readonly startsOf = new Map<number, string[]>();
  private nextSealMs = Infinity;
  private readonly unsealed = new Map<number, string[]>();
  private nextExpiryMs = Infinity;

  constructor(options: RollingOptions<Value, State, Result>) {
    this.options = options;
  }

  get keyCount(): number {
    return this.tilesOf.size;
  }

  /** Adds a value and gives the aggregate as of it. `watermarkMs` never goes back; an event behind it is late. */
  add(key: string, eventTimeMs: number, value: Value, watermarkMs: number): RollingAnswer<Result> {
    this.advance(watermarkMs);
    if (eventTimeMs < watermarkMs) return { kind: 'late' };
    let tiles = this.tilesOf.get(key);
    if (!tiles) {
      if (this.tilesOf.size >= this.options.keysMax) return { kind: 'full' };
      this.tilesOf.set(key, (tiles = []));
    }
    const tile = this.tileAt(key, tiles, this.floor(eventTimeMs));
    tile.state = this.options.aggregate.add(tile.state, value);
    tile.newestMs = Math.max(tile.newestMs, eventTimeMs);
    tile.events?.timesMs.push(eventTimeMs);
    tile.events?.values.push(value);
    return { kind: 'ok', result: this.asOf(tiles, eventTimeMs) };
  }

  private asOf(tiles: readonly Tile<Value, State>[], timeMs: number): Result {
    const { aggregate, sizeMs } = this.options;
    const fromMs = this.floor(timeMs - sizeMs);
    let total = aggregate.init();
    for (const tile of tiles) {
      if (tile.startMs < fromMs || tile.startMs > timeMs) continue;
      if (tile.newestMs <= timeMs || !tile.events) total = aggregate.merge(total, tile.state);
      else total = this.addUpTo(total, tile.events, timeMs);
    }
    return aggregate.result(total);
  }

  private addUpTo(total: State, { timesMs, values }: { timesMs: number[]; values: Value[] }, timeMs: number): State {
    let sum = total;
    for (let i = 0; i < timesMs.length; i++)
      if ((timesMs[i] as number) <= timeMs) sum = this.options.aggregate.add(sum, values[i] as Value);
    return sum;
  }

  private tileAt(key: string, tiles: Tile<Value, State>[], startMs: number): Tile<Value, State> {
    let at = tiles.length;
    while (at > 0 && (tiles[at - 1] as Tile<Value, State>).startMs > startMs) at--;
    const found = tiles[at - 1];
    if (found?.startMs === startMs) return found;
    const tile = {
      startMs,
      state: this.options.aggregate.init(),
      newestMs: -Infinity,
      events: { timesMs: [], values: [] },
    };
    tiles.splice(at, 0, tile);
    this.schedule(key, startMs);
    return tile;
  }

  private schedule(key: string, startMs: number): void {
    append(this.startsOf, startMs, key);
    append(this.unsealed, startMs, key);
    this.nextSealMs = Math.min(this.nextSealMs, startMs + this.options.tileMs);
    this.nextExpiryMs = Math.min(this.nextExpiryMs, this.expiryOf(startMs));
  }

  /** The watermark from which no event that is in time can reach back to the tile. */
  private expiryOf(startMs: number): number {
    return startMs + this.options.tileMs + this.options.sizeMs;
  }

  private advance(watermarkMs: number): void {
    if (watermarkMs >= this.nextSealMs) this.seal(watermarkMs);
    if (watermarkMs >= this.nextExpiryMs) this.expire(watermarkMs);
  }

  private seal(watermarkMs: number): void {
    this.nextSealMs = Infinity;
    for (const [startMs, keys] of this.unsealed) {
      const endMs = startMs + this.options.tileMs;
      if (endMs > watermarkMs) {
        this.nextSealMs = Math.min(this.nextSealMs, endMs);
        continue;
      }
      this.unsealed.delete(startMs);
      for (const key of keys)
        for (const tile of this.tilesOf.get(key) ?? []) if (tile.startMs === startMs) tile.events = null;
    }
  }

  private expire(watermarkMs: number): void {
    this.nextExpiryMs = Infinity;
    for (const [startMs, keys] of this.startsOf) {
      if (this.expiryOf(startMs) > watermarkMs) {
        this.nextExpiryMs = Math.min(this.nextExpiryMs, this.expiryOf(startMs));
        continue;
      }
      this.startsOf.delete(startMs);
      for (const key of keys) {
        const left = (this.tilesOf.get(key) ?? []).filter((tile) => tile.startMs !== startMs);
        if (left.length > 0) this.tilesOf.set(key, left);
        else this.tilesOf.delete(key);
      }
    }
  }

  private floor(timeMs: number): number {
    return Math.floor(timeMs / this.options.tileMs) * this.options.tileMs;
  }

  snapshot(): unknown {
    return [...this.tilesOf];
  }

  restore(state: unknown): void {
    for (const [key, tiles] of state as readonly (readonly [string, Tile<Value, State>[]])[]) {
      this.tilesOf.set(key, tiles);
      for (const { startMs, events } of tiles) {
        append(this.startsOf, startMs, key);
        this.nextExpiryMs = Math.min(this.nextExpiryMs, this.expiryOf(startMs));
        if (!events) continue;
        append(this.unsealed, startMs, key);
        this.nextSealMs = Math.min(this.nextSealMs, startMs + this.options.tileMs);
      }
    }
  }
}

function append(map: Map<number, string[]>, at: number, key: string): void {
  const keys = map.get(at);
  if (keys) keys.push(key);
  else map.set(at, [key]);
}
