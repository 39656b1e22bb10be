// A decision on its way out: a hundred features and every rule by name are most of what a payment costs, so it is written as bytes from
// the row of features, and never is an object. Guarantees: the bytes are those that `JSON.stringify` gives of the decision.
// Redelivery: no state but the verdicts that were written last.
import type { Decision } from '../../events/decisions.ts';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Output } from '../../streams/batch.ts';
import { fieldNames, JsonBytes } from '../../streams/json-bytes.ts';
import { featureNames, isFlag } from './feature-names.ts';
import type { FeatureRow } from './feature-row.ts';
import type { Judged } from './rules/rule-set.ts';

/** A decision without its producer's position. */
type DecisionBody = Omit<Decision, 'pipeline' | 'version' | 'revision' | 'producer'>;

export interface Decided {
  readonly payment: Payment;
  readonly judged: Judged;
  readonly row: FeatureRow;
  readonly clockMs: number;
  readonly topic: string;
  readonly partition: number;
  readonly inputOffset: bigint;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const empty = encoder.encode('[]');
const features = fieldNames(featureNames, isFlag);

/** One key and its colon, as bytes, for each field but `kind`. */
const keyOf = (name: string) => encoder.encode(`,"${name}":`);
const keys = {
  paymentId: encoder.encode('{"kind":"decision","paymentId":'),
  paymentSource: keyOf('paymentSource'),
  eventTimeMs: keyOf('eventTimeMs'),
  cardId: keyOf('cardId'),
  terminalId: keyOf('terminalId'),
  deviceId: keyOf('deviceId'),
  merchantId: keyOf('merchantId'),
  country: keyOf('country'),
  amountMinor: keyOf('amountMinor'),
  currency: keyOf('currency'),
  outcome: keyOf('outcome'),
  score: keyOf('score'),
  reviewScore: keyOf('reviewScore'),
  declineScore: keyOf('declineScore'),
  ruleSetVersion: keyOf('ruleSetVersion'),
  rules: keyOf('rules'),
  features: encoder.encode(',"features":{'),
  clockMs: encoder.encode('},"clockMs":'),
  topic: encoder.encode(',"input":{"topic":'),
  partition: keyOf('partition'),
  inputOffset: encoder.encode(',"inputOffset":"'),
  end: encoder.encode('"}}'),
};

/** A decision as an output; it is written when it leaves. */
export class DecisionOutput implements Output {
  readonly topic = resultTopics.decisions;
  readonly key: string;
  readonly identity: string;
  private readonly decided: Decided;
  private readonly verdicts: VerdictBytes;

  constructor(decided: Decided, verdicts: VerdictBytes) {
    const { cardId, source, id } = decided.payment;
    this.key = cardId;
    this.identity = `${source}\u0000${id}`;
    this.decided = decided;
    this.verdicts = verdicts;
  }

  get body(): DecisionBody {
    const json = new JsonBytes();
    this.writeBody(json);
    return JSON.parse(decoder.decode(json.take())) as DecisionBody;
  }

  writeBody(json: JsonBytes): void {
    const { payment, judged, row, clockMs, topic, partition, inputOffset } = this.decided;
    json.raw(keys.paymentId).text(payment.id);
    json.raw(keys.paymentSource).text(payment.source);
    json.raw(keys.eventTimeMs).number(payment.eventTimeMs);
    json.raw(keys.cardId).text(payment.cardId);
    json.raw(keys.terminalId).text(payment.terminalId ?? null);
    json.raw(keys.deviceId).text(payment.deviceId ?? null);
    json.raw(keys.merchantId).text(payment.merchantId ?? null);
    json.raw(keys.country).text(payment.country ?? null);
    json.raw(keys.amountMinor).number(payment.amountMinor);
    json.raw(keys.currency).text(payment.currency);
    json.raw(keys.outcome).text(judged.outcome);
    json.raw(keys.score).number(judged.score);
    json.raw(keys.reviewScore).number(judged.reviewScore);
    json.raw(keys.declineScore).number(judged.declineScore);
    json.raw(keys.ruleSetVersion).text(judged.ruleSetVersion);
    this.verdicts.write(json.raw(keys.rules), judged.verdicts);
    json.raw(keys.features).named(features, row);
    json.raw(keys.clockMs).number(clockMs);
    json.raw(keys.topic).text(topic);
    json.raw(keys.partition).number(partition);
    json.raw(keys.inputOffset).ascii(String(inputOffset)).raw(keys.end);
  }
}

/** Verdicts as bytes: those of most payments are the same ones, nothing having hit, and are kept, together and each. */
export class VerdictBytes {
  private kept: Judged['verdicts'] | null = null;
  private together = empty;
  private readonly each = new Map<Judged['verdicts'][number], Uint8Array>();

  write(json: JsonBytes, verdicts: Judged['verdicts']): void {
    if (verdicts !== this.kept && !verdicts.some(({ verdict }) => verdict === 'hit')) this.keep(verdicts);
    if (verdicts === this.kept) {
      json.raw(this.together);
      return;
    }
    json.ascii('[');
    for (let i = 0; i < verdicts.length; i++) {
      const verdict = verdicts[i] as (typeof verdicts)[number];
      const known = this.each.get(verdict);
      if (i > 0) json.ascii(',');
      if (known) json.raw(known);
      else json.value(verdict);
    }
    json.ascii(']');
  }

  private keep(verdicts: Judged['verdicts']): void {
    this.kept = verdicts;
    this.together = encoder.encode(JSON.stringify(verdicts));
    this.each.clear();
    for (const verdict of verdicts) this.each.set(verdict, encoder.encode(JSON.stringify(verdict)));
  }
}
