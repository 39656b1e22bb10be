// The event time of decisions: a watermark of their own. They are made after the payments that they are about, by a task that may lag
// or be away for a while, so the payments' watermark would call them late.
// Guarantees: the minimum over the decision partitions, each the newest event time seen less the out-of-orderness; it never goes back. An
// idle partition is left out only while decisions keep up with the payments: after a pause they come back partition by partition. When
// all input is silent, decisions are waited for no longer than the silence since the last of them.
// Redelivery: a decision that was read again moves nothing.
import type { EntryContext } from '../../streams/batch.ts';
import { resultTopics } from '../../events/topics.ts';

export class DecisionClock {
  private readonly outOfOrdernessMs: number;
  private readonly newestOf = new Map<string, number>();
  private active: readonly string[] = [];
  private idle: readonly string[] = [];
  private activityClockMs = -Infinity;
  private newestMs = -Infinity;
  watermarkMs = -Infinity;

  constructor(outOfOrdernessMs: number) {
    this.outOfOrdernessMs = outOfOrdernessMs;
  }

  /** To be called first with each entry. */
  begin({ partitions, idle }: EntryContext): void {
    const isIdle = new Set(idle);
    const own = partitions.filter((name) => name.startsWith(prefix));
    this.active = own.filter((name) => !isIdle.has(name));
    this.idle = own.filter((name) => isIdle.has(name));
  }

  /** A decision was folded; `paymentsWatermarkMs`: of the payments, where it stands. */
  observe(
    partition: number,
    eventTimeMs: number,
    { clockMs, paymentsWatermarkMs }: { readonly clockMs: number; readonly paymentsWatermarkMs: number },
  ): void {
    const name = `${prefix}${partition}`;
    this.newestOf.set(name, Math.max(this.newestOf.get(name) ?? -Infinity, eventTimeMs));
    if (eventTimeMs > this.newestMs) {
      this.newestMs = eventTimeMs;
      this.activityClockMs = clockMs;
    }
    this.advance(paymentsWatermarkMs);
  }

  /** Minutes that end at or before it may be published. */
  publishUpToMs({ isAllIdle, clockMs }: EntryContext): number {
    if (!isAllIdle || this.newestMs === -Infinity) return this.watermarkMs;
    const silenceMs = clockMs - this.activityClockMs;
    return Math.max(this.watermarkMs, this.newestMs + silenceMs - this.outOfOrdernessMs);
  }

  /** To be called at the end of each entry, with the watermark of the payments there. */
  advance(paymentsWatermarkMs: number): void {
    if (this.active.length === 0) return;
    let lowest = Infinity;
    for (const name of this.active) lowest = Math.min(lowest, this.newestOf.get(name) ?? -Infinity);
    const keepsUp = this.newestMs >= paymentsWatermarkMs - this.outOfOrdernessMs;
    if (!keepsUp) for (const name of this.idle) lowest = Math.min(lowest, this.newestOf.get(name) ?? -Infinity);
    this.watermarkMs = Math.max(this.watermarkMs, lowest - this.outOfOrdernessMs);
  }

  snapshot(): unknown {
    const { newestOf, activityClockMs, newestMs, watermarkMs } = this;
    return { newestOf: [...newestOf], activityClockMs, newestMs, watermarkMs };
  }

  restore(state: unknown): void {
    const { newestOf, ...rest } = state as { readonly newestOf: readonly (readonly [string, number])[] };
    for (const [name, timeMs] of newestOf) this.newestOf.set(name, timeMs);
    Object.assign(this, rest);
  }
}

const prefix = `${resultTopics.decisions}-`;
