// What age takes from an action, in whole numbers, by tiles of event time. Pure. Redelivery: no state.

/** The decay as a whole number: 16 bits of it are more than a list can show. */
export const decayUnit = 65_536;
/** Further back an action counts less than 1/256 of its weight: not at all. */
const halfLives = 8;

export class Decay {
  /** What an action so many tiles ago counts, in `decayUnit`s; beyond the last nothing. */
  readonly parts: readonly number[];
  private readonly kept = new Map<number, number>();

  constructor(halfLifeMs: number, tileMs: number) {
    this.parts = Array.from({ length: Math.ceil((halfLives * halfLifeMs) / tileMs) }, (_, age) =>
      Math.round(decayUnit * 2 ** ((-age * tileMs) / halfLifeMs)),
    );
  }

  /** What is left after so many tiles of any sum of parts, at most: rounding lets some lose less than others. */
  mostKept(tiles: number): number {
    const known = this.kept.get(tiles);
    if (known !== undefined) return known;
    const { parts } = this;
    let most = 0;
    for (let age = 0; age + tiles < parts.length; age++)
      most = Math.max(most, (parts[age + tiles] as number) / (parts[age] as number));
    // As many as there are parts; all beyond are 0.
    if (tiles <= parts.length) this.kept.set(tiles, most);
    return most;
  }
}
