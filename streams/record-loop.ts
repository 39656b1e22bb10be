// The way from an order entry to a folded batch in one loop over its records, for processors that take them one by one.
// Guarantees: every step is the one of the stage that it belongs to, in the order of the stages, on their own state, so that the
// outcome is the same; but an event is only lent, and nothing is made for a record that is folded as usual.
// Redelivery: as the stages.
import { map, type OperatorFunction } from 'rxjs';
import type { FoldEntry } from '../tasks/contract.ts';
import type { Rejected, StreamBatch, TimedEvent } from './batch.ts';
import { type ClockGuardOptions, latestAcceptedMs } from './clock-guard.ts';
import type { DedupeStage, DedupeSteps } from './dedupe.ts';
import { type Decode, decodeRecord, fromTheFuture, type IngestOptions, type IngestStage } from './ingest.ts';
import type { OfTypesStage } from './of-types.ts';
import { type RecordSteps, RecordTime, type Stage } from './stage.ts';
import type { WatermarkStage, WatermarkSteps } from './watermark.ts';

export interface RecordLoopOptions<E> extends IngestOptions<TimedEvent> {
  readonly inputs: readonly string[];
  readonly decoded: IngestStage<E>;
  readonly timed: WatermarkStage<E>;
  readonly taken: OfTypesStage<E>;
  readonly unique: DedupeStage<E>;
  readonly processed: Stage<StreamBatch<E>, StreamBatch<E>> & { readonly steps?: RecordSteps<E> };
}

/** What a loop needs of the options. */
interface Steps<E> {
  readonly decode: Decode<E>;
  readonly clockGuard: ClockGuardOptions;
  readonly timed: WatermarkSteps;
  readonly takes: (type: string) => boolean;
  readonly unique: DedupeSteps<E> | undefined;
  readonly processed: RecordSteps<E>;
}

/** From ingest to the processor; the batches that come out have no records left. Null where a stage only takes batches, or an input has a decoder of its own. */
export function recordLoop<E extends TimedEvent>(
  options: RecordLoopOptions<E>,
): OperatorFunction<FoldEntry, StreamBatch<E>> | null {
  const { decoded, clockGuard, taken, decode, lendingDecode = decode } = options;
  const { steps: timed } = options.timed;
  const { steps: unique } = options.unique;
  const { steps: processed } = options.processed;
  if (
    !timed ||
    processed?.operator !== options.processed.operator ||
    options.inputs.some((topic) => options.decodeOf?.has(topic))
  )
    return null;
  const steps: Steps<E> = {
    decode: lendingDecode as Decode<E>,
    clockGuard,
    timed,
    takes: taken.takes,
    unique,
    processed,
  };
  return map((logged) => {
    const entry = decoded.open(logged);
    timed.open(entry);
    unique?.open();
    processed.open(entry);
    const rejected: Rejected[] = [];
    for (const batch of logged.batches) takeBatch(batch, entry.clockMs, steps, rejected);
    if (unique) rejected.push(...unique.close());
    const batch = { entry, records: [], watermarkMs: noTimes, rejected, outputs: [] };
    return processed.close({ ...batch, ...timed.close(entry) });
  });
}

const noTimes = new Float64Array(0);

function takeBatch<E extends TimedEvent>(
  batch: FoldEntry['batches'][number],
  clockMs: number,
  { decode, clockGuard, timed, takes, unique, processed }: Steps<E>,
  rejected: Rejected[],
): void {
  const time = new RecordTime();
  let place: number | undefined;
  let approached = 0;
  for (let index = 0; index < batch.count; index++) {
    if (index === approached) approached = processed.approach?.(batch, index) ?? batch.count;
    const decoded = decodeRecord(decode, batch, index);
    if (decoded.kind !== 'event') {
      rejected.push({ batch, index, ...decoded });
      continue;
    }
    const { event } = decoded;
    time.eventTimeMs = event.eventTimeMs;
    // Written so that a time that is not a number is refused, too.
    if (!(time.eventTimeMs <= latestAcceptedMs(clockGuard, clockMs, batch, index))) {
      rejected.push(fromTheFuture(batch, index, event));
      continue;
    }
    place ??= timed.placeOf(batch);
    timed.step(place, time);
    if (!takes(event.type)) continue;
    if (unique && !unique.isFirst(event, batch, index, time)) continue;
    processed.take(event, batch, index, time);
  }
}
