// Lets only the event types pass that the processor takes.
// Guarantees: the others have moved the watermark, for they prove how far event time has come, and are counted `ignored`.
// Redelivery: none of it is remembered; an ignored event sent again is ignored again.
import type { StreamBatch, TimedEvent } from './batch.ts';
import { filterBatch } from './filter.ts';
import { type Stage, stageOf } from './stage.ts';

export interface OfTypesStage<E> extends Stage<StreamBatch<E>, StreamBatch<E>> {
  /** Whether it is one of them; counts it if not. */
  takes(type: string): boolean;
}

/** Keeps events of `eventTypes`. */
export function ofTypes<E extends TimedEvent>(eventTypes: readonly string[]): OfTypesStage<E> {
  let ignored = 0;
  const takes = (type: string): boolean => {
    const isTaken = eventTypes.includes(type);
    if (!isTaken) ignored++;
    return isTaken;
  };
  const stage = stageOf({
    apply: (batch: StreamBatch<E>) => filterBatch(batch, ({ event }) => takes(event.type)),
    snapshot: () => ignored,
    restore: (state) => void (ignored = state as number),
    counters: () => ({ ignored }),
  });
  return { ...stage, takes };
}
