// Fraud: a decision on every payment, from rolling features and rules, and alerts on the cards of those that are not approved.
// Guarantees: one decision a payment, with every feature and every rule as they were at its place in the order log; rules, labels and
// lists count from their own place on. A late payment is decided as if it happened at the watermark.
// Redelivery: duplicates never come here; the same entries give the same decisions and alerts.
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import type { ListEntry, Rule, Thresholds } from '../../events/rule.ts';
import { resultTopics, rulesTopic } from '../../events/topics.ts';
import type { RecordBatch } from '../../sources/source.ts';
import { appended, type EntryContext, type Output, type Rejected } from '../../streams/batch.ts';
import type { StreamBatch, StreamRecord } from '../../streams/batch.ts';
import { beginPlain, joined, split } from '../../streams/pieces.ts';
import { RecordTime, type SlicedCore, stageOf } from '../../streams/stage.ts';
import { refusal } from '../../streams/window-rows.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';
import type { Processor } from '../processor.ts';
import { type AlertBody, Alerts } from './alerts.ts';
import { DecisionOutput, DecisionWriter } from './decision-output.ts';
import { Features } from './features.ts';
import { RuleSet } from './rules/rule-set.ts';

export interface FraudOptions {
  /** Cards, devices and terminals with state, of each; a payment with a new one beyond is a dead letter. */
  readonly keysMax: number;
  /** See `AlertsOptions`. */
  readonly coolDownMs: number;
  readonly alertUpdateEveryMs: number;
}

export type FraudEvent = Payment | Label | Rule | Thresholds | ListEntry;

/** Payments are accepted however late; their ids are remembered for an hour at least. */
const acceptsBehindMs = 3_600_000;

/** A decision is more than ten times its payment: of 5,000 at once the collector moved most into old memory, which cost a third of the CPU. */
const entryRecordsMax = 1_000;

export function fraud(options: FraudOptions): Processor<FraudEvent> {
  return {
    name: 'fraud',
    version: 1,
    inputs: ['payments', 'labels', rulesTopic],
    timelessInputs: [rulesTopic],
    eventTypes: ['payment', 'label', 'rule', 'thresholds', 'list-entry'],
    stateShape: { features: 2, rules: 1, alerts: 1 },
    acceptsBehindMs,
    entryRecordsMax,
    create() {
      const core = new Fraud(options);
      const stage = stageOf(core);
      const { operator } = stage;
      return { ...stage, steps: { operator, open: core.open, take: core.take, close: core.close } };
    },
  };
}

class Fraud implements SlicedCore<StreamBatch<FraudEvent>, StreamBatch<FraudEvent>> {
  private readonly features: Features;
  private readonly rules = new RuleSet();
  private readonly alerts: Alerts;
  private readonly writer = new DecisionWriter();
  private readonly counts = { folded: 0, decided: 0, approved: 0, reviewed: 0, declined: 0, labelled: 0 };
  /** Of the entry that is folded. */
  private clockMs = 0;
  private outputs: Output[] = [];
  private decisions: DecisionOutput[] = [];
  private rejected: Rejected[] = [];
  private oldestMs = Infinity;

  constructor({ keysMax, coolDownMs, alertUpdateEveryMs }: FraudOptions) {
    this.features = new Features({ keysMax });
    this.alerts = new Alerts({ coolDownMs, updateEveryMs: alertUpdateEveryMs, alertsMax: keysMax });
  }

  apply(batch: StreamBatch<FraudEvent>): StreamBatch<FraudEvent> {
    const { records, watermarkMs } = batch;
    const time = new RecordTime();
    this.open(batch.entry);
    for (let i = 0; i < records.length; i++) {
      const { event, batch: read, index } = records[i] as StreamRecord<FraudEvent>;
      time.eventTimeMs = event.eventTimeMs;
      time.watermarkMs = watermarkMs[i] as number;
      this.take(event, read, index, time);
    }
    return this.close(batch);
  }

  readonly open = ({ clockMs }: EntryContext): void => {
    this.clockMs = clockMs;
    this.writer.open();
    this.outputs = this.alerts.begin(clockMs).map(alertOutput);
    this.decisions = [];
    this.rejected = [];
    this.oldestMs = Infinity;
  };

  readonly take = (event: FraudEvent, batch: RecordBatch, index: number, time: RecordTime): void => {
    const refused = this.fold(event, batch, index, time);
    if (refused) this.rejected.push(refusal({ event, batch, index }, 'state_full', refused));
    else this.counts.folded += 1;
  };

  readonly close = (batch: StreamBatch<FraudEvent>): StreamBatch<FraudEvent> => {
    const { endWatermarkMs } = batch;
    // All ids of the entry are still remembered: none came twice.
    if (this.oldestMs >= endWatermarkMs - acceptsBehindMs)
      for (const decision of this.decisions) decision.isOnly = true;
    for (const body of this.alerts.end(this.clockMs)) this.outputs.push(alertOutput(body));
    if (endWatermarkMs > -Infinity) this.features.expire(endWatermarkMs);
    return {
      ...batch,
      outputs: appended(batch.outputs, this.outputs),
      rejected: appended(batch.rejected, this.rejected),
    };
  };

  /** What is refused was not folded at all; says why. */
  private fold(event: FraudEvent, batch: RecordBatch, index: number, time: RecordTime): string | null {
    switch (event.type) {
      case 'payment':
        if (!this.features.hasRoomFor(event)) return 'a new card, device or terminal, and the limit of keys is reached';
        this.decide(event, batch, index, time);
        return null;
      case 'label':
        if (!this.features.hasRoomForLabel(event)) return 'a new terminal, and the limit of keys is reached';
        this.features.foldLabel(event, time.watermarkMs);
        this.alerts.foldLabel(event);
        this.counts.labelled += 1;
        return null;
      case 'rule':
      case 'thresholds':
      case 'list-entry':
        return this.rules.apply(event) ? null : 'a new rule, and the limit of rules is reached';
    }
  }

  private decide(payment: Payment, batch: RecordBatch, index: number, time: RecordTime): void {
    const { clockMs, counts } = this;
    const row = this.features.fold(payment, time.watermarkMs);
    const judged = this.rules.judge(payment, row);
    this.alerts.fold(payment, judged, clockMs);
    counts.decided += 1;
    if (judged.outcome === 'approve') counts.approved += 1;
    else if (judged.outcome === 'review') counts.reviewed += 1;
    else counts.declined += 1;
    if (payment.eventTimeMs < this.oldestMs) this.oldestMs = payment.eventTimeMs;
    const decision = new DecisionOutput({ payment, judged, row, clockMs, batch, index }, this.writer);
    this.decisions.push(decision);
    this.outputs.push(decision);
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.features.counters(), ...this.rules.counters(), ...this.alerts.counters() };
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { features, rules, alerts, counts } = this;
    return joined({
      plain: beginPlain({ rules: rules.snapshot(), counts: { ...counts } }),
      ...{ features: features.beginSnapshot(pieceBytes), alerts: alerts.beginSnapshot(pieceBytes) },
    });
  }

  restore(state: unknown): void {
    const { plain, features, alerts } = split(state as SlicedState) as Record<SavedPart, SlicedState>;
    const { rules, counts } = plain.head as { readonly rules: unknown; readonly counts: object };
    this.features.restore(features);
    this.rules.restore(rules);
    this.alerts.restore(alerts);
    Object.assign(this.counts, counts);
  }
}

type SavedPart = 'plain' | 'features' | 'alerts';

const alertOutput = (body: AlertBody): Output => ({
  topic: resultTopics.alerts,
  key: body.alertId,
  identity: `${body.alertId} ${body.transition}`,
  body,
});
