// Which transitions were read before: the highest position of each producer on each partition.
// Guarantees: what a restarted or deposed task publishes again is known as such. Bounded by producers and partitions.
// Redelivery: this is what tells it.
import type { Alert } from '../../events/decisions.ts';

interface Position {
  revision: bigint;
  index: number;
}

export class SeenPositions {
  readonly #highest = new Map<string, Position>();

  /** True when it is new on that partition, and from then on no more. */
  take(partition: number, { pipeline, version, revision, producer }: Alert): boolean {
    const key = `${partition} ${pipeline} ${version} ${producer.shard}`;
    const place = { revision: BigInt(revision), index: producer.index };
    const known = this.#highest.get(key);
    if (known && !isAfter(place, known)) return false;
    this.#highest.set(key, place);
    return true;
  }
}

/** A revision holds epoch and order offset; several outputs of one entry have places in it. */
const isAfter = (a: Position, b: Position): boolean =>
  a.revision > b.revision || (a.revision === b.revision && a.index > b.index);
