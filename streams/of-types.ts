// Lets only the event types pass that the processor takes.
// Guarantees: the others have moved the watermark, for they prove how far event time has come, and are counted `ignored`.
// Redelivery: none of it is remembered; an ignored event sent again is ignored again.
import type { StreamBatch, TimedEvent } from './batch.ts';
import { filterBatch } from './filter.ts';
import { type Stage, stageOf } from './stage.ts';

/** Keeps events of `eventTypes`. */
export function ofTypes<E extends TimedEvent>(eventTypes: readonly string[]): Stage<StreamBatch<E>, StreamBatch<E>> {
  let ignored = 0;
  return stageOf({
    apply: (batch: StreamBatch<E>) => {
      const taken = filterBatch(batch, ({ event }) => eventTypes.includes(event.type));
      ignored += batch.records.length - taken.records.length;
      return taken;
    },
    snapshot: () => ignored,
    restore: (state) => void (ignored = state as number),
    counters: () => ({ ignored }),
  });
}
