import { Subject } from 'rxjs';
import type { Alert } from '../../events/decisions.ts';
import type { DecisionMade } from '../../events/decision-made.ts';
import type { ForecastBand, ForecastScore, Prediction } from '../../events/insights.ts';
import type { Payment } from '../../events/payment.ts';
import type { LateRecord } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Output } from '../../streams/batch.ts';
import { EntryLog, type LoggedEntry, type LoggedRecord } from '../../streams/entry-log.ts';
import { ingest } from '../../streams/ingest.ts';
import { watermark } from '../../streams/watermark.ts';
import type { FoldEntry } from '../../tasks/contract.ts';
import { predictions, type PredictionsEvent, type PredictionsOptions } from './predictions.ts';

/** What the tests of the pipeline share: payments and decisions by the minute, and a task that folds them and keeps what it says. */
export const minuteMs = 60_000;
export const T0 = Date.UTC(2026, 0, 5, 12);
const twoPartitions = ['payments-0', `${resultTopics.decisions}-0`];

export const suiteOptions: PredictionsOptions = {
  ...{ allowedLatenessMs: 3_600_000, outOfOrdernessMs: 5_000, seriesMax: 100 },
  ...{ limit: 6, warmUpMinutes: 60, alarmsPerDayMax: 6 },
};

export type Said = Prediction | ForecastScore | ForecastBand | Alert | LateRecord;

export function predictionsRig(options: Partial<PredictionsOptions> = {}, partitions = twoPartitions) {
  const log = new EntryLog(partitions);
  const { operator, snapshot, restore, counters } = predictions({ ...suiteOptions, ...options }).create();
  const entries = new Subject<FoldEntry>();
  let outputs: readonly Output[] = [];
  const decoded = ingest<PredictionsEvent>({
    decode: (bytes, start, end) => ({
      kind: 'event',
      event: JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))) as PredictionsEvent,
    }),
    clockGuard: { maxFutureMs: Infinity, isCreateTimeTrusted: false },
  });
  const timed = watermark<PredictionsEvent>({ outOfOrdernessMs: 5_000, timelessTopics: [resultTopics.decisions] });
  entries
    .pipe(decoded.operator, timed.operator, operator)
    .subscribe((batch) => void (outputs = lastOfEach(batch.outputs)));
  return {
    counters,
    snapshot: () => ({ timed: timed.snapshot(), predictions: snapshot() }),
    restore: (state: { readonly timed: unknown; readonly predictions: unknown }) => {
      timed.restore(state.timed);
      restore(state.predictions);
    },
    /** What one entry says. */
    fold(records: readonly LoggedRecord[], more: Partial<LoggedEntry> = {}): readonly Said[] {
      entries.next(log.append({ clockMs: T0 + 1e9, ...more, records }));
      return outputs.map(({ body }) => body as Said);
    },
  };
}

/** As the last stage of a pipeline does. */
function lastOfEach(outputs: readonly Output[]): readonly Output[] {
  return [...new Map(outputs.map((output) => [`${output.topic} ${output.identity}`, output])).values()];
}

export function pay(minute: number, amountMinor: number, over: Partial<Payment> = {}): LoggedRecord {
  const eventTimeMs = T0 + minute * minuteMs;
  const value: Payment = {
    ...{ id: `p-${minute}-${amountMinor}`, type: 'payment', version: 2, source: 'shop', eventTimeMs, key: 'c1' },
    ...{ amountMinor, currency: 'EUR', cardId: 'c1', country: 'FR', ...over },
  };
  return { value };
}

export function decided(minute: number, paymentId: string, over: Partial<DecisionMade> = {}): LoggedRecord {
  const eventTimeMs = T0 + minute * minuteMs;
  const revision = String(Math.round(minute * 1_000) + 1);
  const value: DecisionMade = {
    ...{ id: `${paymentId} ${revision}`, type: 'decision', version: 1, source: 'shop', eventTimeMs, key: 'c1' },
    ...{ pipelineVersion: 1, shard: 0, revision, index: 0, paymentSource: 'shop', paymentId },
    ...{ country: 'FR', currency: 'EUR', isDeclined: false, ...over },
  };
  return { value, partition: `${resultTopics.decisions}-0` };
}

/** `metric key minute+horizon: actual (forecast)` of predictions; others by kind. */
export function shown(said: readonly Said[]): string[] {
  return said.map((one) => {
    switch (one.kind) {
      case 'prediction': {
        const at = (one.targetMs - T0) / minuteMs - one.horizonMinutes;
        return `${one.metric} ${one.key} ${at}+${one.horizonMinutes}: ${one.actual ?? `~${one.forecast}`}`;
      }
      case 'alert':
        return `${one.transition} ${one.entityId} ${one.hits}`;
      case 'late':
        return `late ${one.output} ${one.key}`;
      case 'forecast-band':
      case 'forecast-score':
        return one.kind;
    }
  });
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A count around `mean`, as chance has it (Poisson; a normal one from 50 on). */
export function countAround(mean: number, random: () => number): number {
  if (mean > 50) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal));
  }
  const limit = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > limit; product *= random()) count += 1;
  return count;
}
