// The best few of many, without sorting all of them. Guarantees: higher rank first, then higher support, then the lower id by UTF-16
// code units, whatever the order in which they came. Redelivery: no ids are known here.

export interface Candidate {
  readonly itemId: string;
  /** A whole number, so that no order of adding can change it. */
  readonly rank: number;
  /** Decides where ranks are equal. */
  readonly support: number;
}

export class Best<C extends Candidate> {
  private readonly max: number;
  /** Best first. */
  readonly items: C[] = [];

  constructor(max: number) {
    this.max = max;
  }

  /** False when nothing of this rank can be among them: spares making a candidate. */
  takes(rank: number): boolean {
    return this.items.length < this.max || rank >= (this.items[this.max - 1] as C).rank;
  }

  offer(candidate: C): void {
    const { items, max } = this;
    if (items.length === max && !isBetter(candidate, items[max - 1] as C)) return;
    let at = items.length;
    while (at > 0 && isBetter(candidate, items[at - 1] as C)) at -= 1;
    items.splice(at, 0, candidate);
    if (items.length > max) items.pop();
  }
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.rank !== b.rank) return a.rank > b.rank;
  if (a.support !== b.support) return a.support > b.support;
  return a.itemId < b.itemId;
}
