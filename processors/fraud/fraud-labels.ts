// The confirmed frauds of one terminal, by when they became known. Guarantees: a label counts from its own time on, never before; a
// refutation takes the confirmation of the same payment away from then on.
// Redelivery: knows no ids; duplicates were dropped before.
import { rememberedMs } from './keys.ts';

/** Confirmed frauds that one terminal keeps; the longest known goes first. */
export const confirmedMax = 1_000;

interface Confirmed {
  readonly payment: string;
  readonly knownMs: number;
}

export class FraudLabels {
  private confirmed: Confirmed[];
  newestMs: number;

  constructor(saved: SavedFraudLabels = { confirmed: [], newestMs: -Infinity }) {
    this.confirmed = [...saved.confirmed];
    this.newestMs = saved.newestMs;
  }

  /** `knownMs`: the label's own time, or the watermark where that is later. */
  fold(payment: string, isFraud: boolean, knownMs: number): void {
    this.newestMs = Math.max(this.newestMs, knownMs);
    const others = this.confirmed.filter((one) => one.payment !== payment && one.knownMs > knownMs - rememberedMs);
    this.confirmed = isFraud ? [...others, { payment, knownMs }].slice(-confirmedMax) : others;
  }

  /** How many became known in (asOfMs − sizeMs, asOfMs]. */
  count(asOfMs: number, sizeMs: number): number {
    let count = 0;
    for (const { knownMs } of this.confirmed) if (knownMs <= asOfMs && knownMs > asOfMs - sizeMs) count += 1;
    return count;
  }

  snapshot(): SavedFraudLabels {
    return { confirmed: this.confirmed, newestMs: this.newestMs };
  }
}

export interface SavedFraudLabels {
  readonly confirmed: readonly Confirmed[];
  readonly newestMs: number;
}
