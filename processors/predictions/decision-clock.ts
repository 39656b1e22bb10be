// The event time of decisions: a watermark of their own. They are made after the payments that they are about, by a task that may lag
// or be away for a while, so the payments' watermark would call them late.
// Guarantees: the minimum over the decision partitions that are not idle, each the newest event time seen less the out-of-orderness; it
// never goes back. When all input is silent, decisions are waited for no longer than the silence since the last of them.
// Redelivery: a decision that was read again moves nothing.
import type { EntryContext } from '../../streams/batch.ts';
import { resultTopics } from '../../events/topics.ts';

export class DecisionClock {
  private readonly outOfOrdernessMs: number;
  private readonly newestOf = new Map<string, number>();
  private active: string[] = [];
  private activityClockMs = -Infinity;
  private newestMs = -Infinity;
  watermarkMs = -Infinity;

  constructor(outOfOrdernessMs: number) {
    this.outOfOrdernessMs = outOfOrdernessMs;
  }

  /** To be called first with each entry. */
  begin({ partitions, idle }: EntryContext): void {
    const isIdle = new Set(idle);
    this.active = partitions.filter((name) => name.startsWith(prefix) && !isIdle.has(name));
    this.advance();
  }

  /** A decision was folded. */
  observe(partition: number, eventTimeMs: number, clockMs: number): void {
    const name = `${prefix}${partition}`;
    if (eventTimeMs <= (this.newestOf.get(name) ?? -Infinity)) return;
    this.newestOf.set(name, eventTimeMs);
    if (eventTimeMs > this.newestMs) {
      this.newestMs = eventTimeMs;
      this.activityClockMs = clockMs;
    }
    this.advance();
  }

  /** Minutes that end at or before it may be published. */
  publishUpToMs({ isAllIdle, clockMs }: EntryContext): number {
    if (!isAllIdle || this.newestMs === -Infinity) return this.watermarkMs;
    const silenceMs = clockMs - this.activityClockMs;
    return Math.max(this.watermarkMs, this.newestMs + silenceMs - this.outOfOrdernessMs);
  }

  private advance(): void {
    let lowest = Infinity;
    for (const name of this.active) lowest = Math.min(lowest, this.newestOf.get(name) ?? -Infinity);
    if (lowest < Infinity) this.watermarkMs = Math.max(this.watermarkMs, lowest - this.outOfOrdernessMs);
  }

  snapshot(): unknown {
    const { newestOf, active, activityClockMs, newestMs, watermarkMs } = this;
    return { newestOf: [...newestOf], active: [...active], activityClockMs, newestMs, watermarkMs };
  }

  restore(state: unknown): void {
    const { newestOf, ...rest } = state as { readonly newestOf: readonly (readonly [string, number])[] };
    for (const [name, timeMs] of newestOf) this.newestOf.set(name, timeMs);
    Object.assign(this, rest);
  }
}

const prefix = `${resultTopics.decisions}-`;
