// Fraud: a decision on every payment, from rolling features and rules, and alerts on the cards of those that are not approved.
// Guarantees: one decision a payment, with every feature and every rule as they were at its place in the order log; rules, labels and
// lists count from their own place on. A late payment is decided as if it happened at the watermark.
// Redelivery: duplicates never come here; the same entries give the same decisions and alerts.
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import type { ListEntry, Rule, Thresholds } from '../../events/rule.ts';
import { resultTopics, rulesTopic } from '../../events/topics.ts';
import type { Output, Rejected, RejectReason, StreamBatch, StreamRecord } from '../../streams/batch.ts';
import { recordOffset } from '../../streams/positions.ts';
import { stageOf } from '../../streams/stage.ts';
import type { Processor } from '../processor.ts';
import { type AlertBody, Alerts } from './alerts.ts';
import { DecisionOutput, VerdictBytes } from './decision-output.ts';
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
    stateShape: { features: 1, rules: 1, alerts: 1 },
    acceptsBehindMs,
    entryRecordsMax,
    create: () => stageOf(new Fraud(options)),
  };
}

class Fraud {
  private readonly features: Features;
  private readonly rules = new RuleSet();
  private readonly alerts: Alerts;
  private readonly verdictBytes = new VerdictBytes();
  private readonly counts: Record<string, number> = {
    ...{ folded: 0, decided: 0, approved: 0, reviewed: 0, declined: 0, labelled: 0 },
  };

  constructor({ keysMax, coolDownMs, alertUpdateEveryMs }: FraudOptions) {
    this.features = new Features({ keysMax });
    this.alerts = new Alerts({ coolDownMs, updateEveryMs: alertUpdateEveryMs, alertsMax: keysMax });
  }

  apply(batch: StreamBatch<FraudEvent>): StreamBatch<FraudEvent> {
    const { records, entry, watermarkMs } = batch;
    const outputs: Output[] = [...batch.outputs];
    const rejected: Rejected[] = [];
    for (const body of this.alerts.begin(entry.clockMs)) outputs.push(alertOutput(body));
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as StreamRecord<FraudEvent>;
      const refused = this.fold(record, watermarkMs[i] as number, entry.clockMs, outputs);
      if (refused) rejected.push(refusal(record, refused));
    }
    this.count('folded', records.length - rejected.length);
    for (const body of this.alerts.end(entry.clockMs)) outputs.push(alertOutput(body));
    if (batch.endWatermarkMs > -Infinity) this.features.expire(batch.endWatermarkMs);
    return { ...batch, outputs, rejected: rejected.length === 0 ? batch.rejected : [...batch.rejected, ...rejected] };
  }

  /** What is refused was not folded at all; says why. */
  private fold(
    record: StreamRecord<FraudEvent>,
    watermarkMs: number,
    clockMs: number,
    outputs: Output[],
  ): string | null {
    const { event } = record;
    switch (event.type) {
      case 'payment':
        if (!this.features.hasRoomFor(event)) return 'a new card, device or terminal, and the limit of keys is reached';
        outputs.push(this.decide(event, record, watermarkMs, clockMs));
        return null;
      case 'label':
        if (!this.features.hasRoomForLabel(event)) return 'a new terminal, and the limit of keys is reached';
        this.features.foldLabel(event, watermarkMs);
        this.alerts.foldLabel(event);
        this.count('labelled');
        return null;
      case 'rule':
      case 'thresholds':
      case 'list-entry':
        return this.rules.apply(event) ? null : 'a new rule, and the limit of rules is reached';
    }
  }

  private decide(
    payment: Payment,
    { batch, index }: StreamRecord<FraudEvent>,
    watermarkMs: number,
    clockMs: number,
  ): Output {
    const row = this.features.fold(payment, watermarkMs);
    const judged = this.rules.judge(payment, row);
    this.alerts.fold(payment, judged, clockMs);
    this.count('decided');
    this.count(judged.outcome === 'approve' ? 'approved' : judged.outcome === 'review' ? 'reviewed' : 'declined');
    const { topic, partition } = batch;
    const inputOffset = recordOffset(batch, index);
    const decided = { payment, judged, row, clockMs, topic, partition, inputOffset };
    return new DecisionOutput(decided, this.verdictBytes);
  }

  private count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, ...this.features.counters(), ...this.rules.counters(), ...this.alerts.counters() };
  }

  snapshot(): unknown {
    const { features, rules, alerts, counts } = this;
    return { features: features.snapshot(), rules: rules.snapshot(), alerts: alerts.snapshot(), counts: { ...counts } };
  }

  restore(state: unknown): void {
    const saved = state as Readonly<Record<'features' | 'rules' | 'alerts', unknown>> & {
      readonly counts: Readonly<Record<string, number>>;
    };
    this.features.restore(saved.features);
    this.rules.restore(saved.rules);
    this.alerts.restore(saved.alerts);
    Object.assign(this.counts, saved.counts);
  }
}

const alertOutput = (body: AlertBody): Output => ({
  topic: resultTopics.alerts,
  key: body.alertId,
  identity: `${body.alertId} ${body.transition}`,
  body,
});

const refusal = (
  { batch, index, event }: StreamRecord<FraudEvent>,
  message: string,
  reason: RejectReason = 'state_full',
): Rejected => ({ kind: 'dead', batch, index, reason, message, fieldPath: null, source: event.source, event });
