// Predictions: revenue, volume and decline rate per minute of event time, forecast for the next hour, with an alarm where a minute is not
// as it should be.
// Guarantees: each minute's value is exact and corrected while it takes late records; revenue is never summed across currencies; decisions
// are folded by identity, by an event time of their own. Series are bounded.
// Redelivery: duplicates never come here; the same batches give the same rows.
import type { DecisionMade } from '../../events/decision-made.ts';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Output, StreamBatch, StreamRecord } from '../../streams/batch.ts';
import { beginPlain, joined, split } from '../../streams/pieces.ts';
import { stageOf } from '../../streams/stage.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';
import type { Processor } from '../processor.ts';
import { Decided } from './decided.ts';
import { DecisionClock } from './decision-clock.ts';
import type { DetectorOptions } from './detector.ts';
import { latePayment, lateDecision } from './late-rows.ts';
import { MetricAlerts } from './metric-alerts.ts';
import { declineRateMetric, type Metric, revenueMetric, volumeMetric } from './metrics.ts';
import { actualOutput, bandOutput, forecastOutput, scoreOutput } from './prediction-rows.ts';
import type { ClosedMinute, Series } from './series.ts';
import { SeriesGroup } from './series-group.ts';

export interface PredictionsOptions extends DetectorOptions {
  /** How long after its end a minute takes corrections. */
  readonly allowedLatenessMs: number;
  /** How far decisions may be out of order. */
  readonly outOfOrdernessMs: number;
  /** Series of payments, and of decisions, each; what would need a new one beyond is left out of it and counted. */
  readonly seriesMax: number;
}

export type PredictionsEvent = Payment | DecisionMade;

const minuteMs = 60_000;
const hourMs = 3_600_000;
const startOf = (timeMs: number): number => timeMs - (timeMs % minuteMs);

export function predictions(options: PredictionsOptions): Processor<PredictionsEvent> {
  return {
    name: 'predictions',
    version: 1,
    inputs: ['payments', resultTopics.decisions],
    timelessInputs: [resultTopics.decisions],
    eventTypes: ['payment', 'decision'],
    fieldsRead: { payment: ['amountMinor', 'currency', 'country'] },
    stateShape: { series: 1, season: 1, spread: 1, detector: 1, alerts: 1, decided: 1 },
    acceptsBehindMs: minuteMs + options.allowedLatenessMs,
    create: () => stageOf(new Predictions(options)),
  };
}

/** The series that a record of one country and currency belongs to. */
type Place = readonly Series[];

class Predictions {
  private readonly options: PredictionsOptions;
  private readonly payments: SeriesGroup;
  private readonly decisions: SeriesGroup;
  private readonly decided = new Decided();
  private readonly clock: DecisionClock;
  private readonly alerts: MetricAlerts;
  /** Caches: they decide nothing. */
  private readonly paymentPlaces = new Map<string, Place>();
  private readonly decisionPlaces = new Map<string, Place>();
  private readonly counts: Record<string, number> = { folded: 0, late: 0, series_refused: 0, anomalies: 0 };
  private outputs: Output[] = [];
  private clockMs = 0;

  constructor(options: PredictionsOptions) {
    this.options = options;
    this.payments = new SeriesGroup(options);
    this.decisions = new SeriesGroup(options);
    this.clock = new DecisionClock(options.outOfOrdernessMs);
    this.alerts = new MetricAlerts(options.limit);
  }

  apply(batch: StreamBatch<PredictionsEvent>): StreamBatch<PredictionsEvent> {
    const { records, entry, watermarkMs } = batch;
    this.outputs = [...batch.outputs];
    this.clockMs = entry.clockMs;
    this.clock.begin(entry);
    const before = [this.payments.newestMs, this.decisions.newestMs];
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as StreamRecord<PredictionsEvent>;
      if (record.event.type === 'payment') this.foldPayment(record.event, record, watermarkMs[i] as number);
      else this.foldDecision(record.event, record, watermarkMs[i] as number);
    }
    this.clock.advance(batch.endWatermarkMs);
    this.payments.advance(batch.publishUpToMs, this.onClosed);
    this.decisions.advance(this.clock.publishUpToMs(entry), this.onClosed);
    this.payments.end(batch.endWatermarkMs, this.onCorrected);
    this.decisions.end(this.clock.watermarkMs, this.onCorrected);
    this.decided.expire(this.clock.watermarkMs - this.options.allowedLatenessMs - minuteMs);
    [this.payments, this.decisions].forEach((group, i) => {
      if (group.newestMs > (before[i] as number)) this.tellNewest(group);
    });
    return { ...batch, outputs: this.outputs };
  }

  private foldPayment(payment: Payment, record: StreamRecord<PredictionsEvent>, watermarkMs: number): void {
    const startMs = startOf(payment.eventTimeMs);
    this.payments.advance(watermarkMs, this.onClosed);
    if (this.payments.isLate(startMs, watermarkMs)) {
      this.count('late');
      this.outputs.push(latePayment(payment, record, watermarkMs, this.options.allowedLatenessMs));
      return;
    }
    this.count('folded');
    this.payments.expect(startMs);
    for (const series of this.placeOf(payment, this.paymentPlaces, paymentNames))
      this.addTo(this.payments, series, startMs, payment.amountMinor, 1);
  }

  private foldDecision(
    decision: DecisionMade,
    record: StreamRecord<PredictionsEvent>,
    paymentsWatermarkMs: number,
  ): void {
    const startMs = startOf(decision.eventTimeMs);
    const { watermarkMs } = this.clock;
    this.decisions.advance(watermarkMs, this.onClosed);
    this.clock.observe(record.batch.partition, decision.eventTimeMs, { clockMs: this.clockMs, paymentsWatermarkMs });
    if (this.decisions.isLate(startMs, watermarkMs)) {
      this.count('late');
      this.outputs.push(lateDecision(decision, record, watermarkMs, this.options.allowedLatenessMs));
      return;
    }
    this.count('folded');
    const change = this.decided.fold(decision, record.batch.partition);
    if (!change || (change.count === 0 && change.declined === 0)) return;
    this.decisions.expect(startMs);
    for (const series of this.placeOf(decision, this.decisionPlaces, decisionNames))
      this.addTo(this.decisions, series, startMs, change.declined, change.count);
  }

  private addTo(group: SeriesGroup, series: Series, startMs: number, amount: number, count: number): void {
    series.add(startMs, amount, count);
    group.touched(series, startMs);
  }

  private placeOf(
    { country, currency }: { readonly country?: string | null | undefined; readonly currency: string },
    places: Map<string, Place>,
    namesOf: (place: string, currency: string) => readonly (readonly [Metric, string])[],
  ): Place {
    const name = `${country ?? 'unknown'}/${currency}`;
    const known = places.get(name);
    if (known) return known;
    const group = places === this.paymentPlaces ? this.payments : this.decisions;
    const wanted = namesOf(name, currency);
    const found = wanted.flatMap(([metric, key]) => group.find(metric, key) ?? []);
    if (found.length === wanted.length) places.set(name, found);
    else this.count('series_refused');
    return found;
  }

  private readonly onClosed = (series: Series, targetMs: number, minute: ClosedMinute | null): void => {
    const { name } = series;
    if (minute) this.outputs.push(actualOutput(name, minute, this.clockMs));
    if (minute?.isAnomaly) this.count('anomalies');
    const forecasts = series.forecasts(targetMs);
    for (let place = 0; place < forecasts.length; place++)
      this.outputs.push(forecastOutput(name, targetMs, place, forecasts[place] as ClosedMinute, this.clockMs));
    if ((targetMs + minuteMs) % hourMs === 0) this.tellScore(series, targetMs);
    this.tellAlert(this.alerts.fold(series, targetMs, minute, this.clockMs));
  };

  private readonly onCorrected = (series: Series, minute: ClosedMinute): void => {
    this.outputs.push(actualOutput(series.name, minute, this.clockMs));
    this.tellAlert(this.alerts.correct(series, minute, this.clockMs));
  };

  /** What is only worth telling of the newest minute of an entry. */
  private tellNewest(group: SeriesGroup): void {
    for (const series of group.all()) {
      this.outputs.push(bandOutput(series, group.newestMs, this.clockMs));
      this.tellScore(series, group.newestMs);
    }
  }

  private tellScore(series: Series, targetMs: number): void {
    const score = scoreOutput(series, targetMs, this.clockMs);
    if (score) this.outputs.push(score);
  }

  private tellAlert(body: ReturnType<MetricAlerts['fold']>): void {
    if (body) this.outputs.push({ topic: resultTopics.alerts, key: body.alertId, identity: body.alertId, body });
  }

  private count(name: string): void {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  counters(): Readonly<Record<string, number>> {
    const [payments, decisions] = [this.payments.counters(), this.decisions.counters()];
    const muted = [...this.payments.all(), ...this.decisions.all()].filter(({ detector }) => detector.isMuted);
    return {
      ...this.counts,
      series: payments.series + decisions.series,
      series_muted: muted.length,
      minutes_skipped: payments.minutesSkipped + decisions.minutesSkipped,
      decided_ids: this.decided.size(),
      alerts_open: this.alerts.size(),
    };
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { payments, decisions, decided, clock, alerts, counts } = this;
    const plain: SavedPlain = {
      ...{ payments: payments.snapshot(), decisions: decisions.snapshot() },
      ...{ clock: clock.snapshot(), alerts: alerts.snapshot(), counts: { ...counts } },
    };
    return joined({ plain: beginPlain(plain), decided: decided.beginSnapshot(pieceBytes) });
  }

  restore(state: unknown): void {
    const { plain, decided } = split(state as SlicedState) as Record<'plain' | 'decided', SlicedState>;
    const saved = plain.head as SavedPlain;
    this.payments.restore(saved.payments, metricOf);
    this.decisions.restore(saved.decisions, metricOf);
    this.decided.restore(decided);
    this.clock.restore(saved.clock);
    this.alerts.restore(saved.alerts);
    Object.assign(this.counts, saved.counts);
  }
}

interface SavedPlain {
  readonly payments: unknown;
  readonly decisions: unknown;
  readonly clock: unknown;
  readonly alerts: unknown;
  readonly counts: Readonly<Record<string, number>>;
}

const paymentNames = (place: string, currency: string) =>
  [
    [revenueMetric, `all/${currency}`],
    [volumeMetric, 'all'],
    [revenueMetric, place],
    [volumeMetric, place],
  ] as const;

const decisionNames = (place: string) =>
  [
    [declineRateMetric, 'all'],
    [declineRateMetric, place],
  ] as const;

const metricOf = (name: string): Metric =>
  [revenueMetric, volumeMetric].find((metric) => metric.name === name) ?? declineRateMetric;
