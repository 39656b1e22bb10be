// A decision on its way out: a hundred features and every rule by name are most of what a payment costs, so it is written as bytes from
// the row of features, at once, and never is an object. Guarantees: the bytes are those that `JSON.stringify` gives of the decision.
// Redelivery: no state but what was written last.
import type { Decision } from '../../events/decisions.ts';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { RecordBatch } from '../../sources/source.ts';
import { type Output, suffixBytes, type TimedEvent } from '../../streams/batch.ts';
import type { Block } from '../../streams/blocks.ts';
import { type FixedText, fieldNames, fixedText, JsonBytes } from '../../streams/json-bytes.ts';
import { recordOffset } from '../../streams/positions.ts';
import { featureNames, isFlag } from './feature-names.ts';
import type { FeatureRow } from './feature-row.ts';
import type { Judged } from './rules/rule-set.ts';

/** A decision without its producer's position. */
type DecisionBody = Omit<Decision, 'pipeline' | 'version' | 'revision' | 'producer'>;

/** What a decision is made of; only read while the output is made, for payment and row may be lent. */
export interface Decided {
  readonly payment: Payment;
  readonly judged: Judged;
  readonly row: FeatureRow;
  readonly clockMs: number;
  /** Where the payment was read. */
  readonly batch: RecordBatch;
  readonly index: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const nothing = encoder.encode('');
const features = fieldNames(featureNames, isFlag);

/** One key and its colon, for each field but `kind`. */
const keyOf = (name: string) => fixedText(`,"${name}":`);
const keys = {
  paymentId: fixedText('{"kind":"decision","paymentId":'),
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
  features: fixedText(',"features":{'),
  clockMs: fixedText('},"clockMs":'),
  end: fixedText('"}}'),
};

/** A decision as an output. It is written at once, while its payment and its features are at hand: they may be lent. */
export class DecisionOutput implements Output {
  readonly topic = resultTopics.decisions;
  readonly key: string;
  /** Set where the entry holds no other decision on the payment. */
  isOnly = false;
  readonly written: Block;
  readonly start: number;
  readonly end: number;
  private readonly source: string;
  /** Or it is read where it stands in the batch, whose bytes are good until the entry is folded. */
  private readonly id: string | null;
  private readonly batch: RecordBatch;
  private readonly idStart: number;
  private readonly idEnd: number;

  constructor(decided: Decided, writer: DecisionWriter) {
    const { payment, batch } = decided;
    const { idBytes } = payment as TimedEvent;
    this.key = payment.cardId;
    this.source = payment.source;
    this.id = idBytes ? null : payment.id;
    this.batch = batch;
    this.idStart = idBytes ? idBytes.idStart : 0;
    this.idEnd = idBytes ? idBytes.idEnd : 0;
    const json = writer.write(decided).reserve(suffixBytes);
    this.written = json.block;
    this.start = json.start;
    this.end = json.end;
    json.leave(suffixBytes);
  }

  get identity(): string {
    const id = this.id ?? decoder.decode(this.batch.bytes.subarray(this.idStart, this.idEnd));
    return `${this.source}\u0000${id}`;
  }

  get body(): DecisionBody {
    return JSON.parse(decoder.decode(this.written.bytes.subarray(this.start, this.end))) as DecisionBody;
  }
}

/** What decisions have in common, as bytes. */
export class DecisionWriter {
  private readonly json = new JsonBytes();
  private judged: Judged | null = null;
  private ruleSet = nothing;
  /** The judgement of most payments, and what is written of it. */
  private quiet: Judged | null = null;
  private quietBytes = nothing;
  private readonly verdicts = new VerdictBytes();
  private batch: RecordBatch | null = null;
  private place: FixedText = fixedText('');
  private baseOffset = 0;

  /** Lets the records of the entry before go. */
  open(): void {
    this.batch = null;
  }

  /** Returns where it is written. */
  write({ payment, judged, row, clockMs, batch, index }: Decided): JsonBytes {
    const { json } = this;
    const { idBytes } = payment as TimedEvent;
    json.fixed(keys.paymentId);
    if (idBytes) json.plain(idBytes.bytes, idBytes.idStart, idBytes.idEnd);
    else json.text(payment.id);
    json.fixed(keys.paymentSource).text(payment.source);
    json.fixed(keys.eventTimeMs).number(payment.eventTimeMs);
    json.fixed(keys.cardId).text(payment.cardId);
    json.fixed(keys.terminalId).text(payment.terminalId ?? null);
    json.fixed(keys.deviceId).text(payment.deviceId ?? null);
    json.fixed(keys.merchantId).text(payment.merchantId ?? null);
    json.fixed(keys.country).text(payment.country ?? null);
    json.fixed(keys.amountMinor).number(payment.amountMinor);
    json.fixed(keys.currency).text(payment.currency);
    json.fixed(keys.outcome).text(judged.outcome);
    json.fixed(keys.score).number(judged.score);
    this.rules(judged);
    json.fixed(keys.features).named(features, row);
    json.fixed(keys.clockMs).number(clockMs);
    this.input(batch, index);
    return json.fixed(keys.end);
  }

  /** The rule set, and what each rule said. */
  private rules(judged: Judged): void {
    const { json } = this;
    if (judged === this.quiet) {
      json.raw(this.quietBytes);
      return;
    }
    if (!this.judged || !isSameRuleSet(this.judged, judged)) {
      const { reviewScore, declineScore, ruleSetVersion } = judged;
      this.judged = judged;
      this.ruleSet = encoder.encode(
        `,${JSON.stringify({ reviewScore, declineScore, ruleSetVersion }).slice(1, -1)},"rules":`,
      );
    }
    this.verdicts.write(json.raw(this.ruleSet), judged.verdicts);
    const kept = this.verdicts.bytesOf(judged.verdicts);
    if (!kept) return;
    this.quiet = judged;
    this.quietBytes = new Uint8Array(this.ruleSet.length + kept.length);
    this.quietBytes.set(this.ruleSet);
    this.quietBytes.set(kept, this.ruleSet.length);
  }

  /** Where the payment was read. */
  private input(batch: RecordBatch, index: number): void {
    const { json } = this;
    if (this.batch !== batch) {
      this.batch = batch;
      this.baseOffset = batch.baseOffset < safeOffsets ? Number(batch.baseOffset) : Number.NaN;
      const { topic, partition } = batch;
      this.place = fixedText(`,"input":${JSON.stringify({ topic, partition }).slice(0, -1)},"inputOffset":"`);
    }
    json.fixed(this.place);
    if (Number.isNaN(this.baseOffset)) json.ascii(String(recordOffset(batch, index)));
    else json.number(this.baseOffset + (batch.offsetDeltas[index] as number));
  }
}

/** Below, sums of offsets are exact and written without a sign. */
const safeOffsets = 10n ** 14n;

const isSameRuleSet = (a: Judged, b: Judged): boolean =>
  a.ruleSetVersion === b.ruleSetVersion && a.reviewScore === b.reviewScore && a.declineScore === b.declineScore;

/** Verdicts as bytes: those of most payments are the same ones, nothing having hit, and are kept, together and each. */
class VerdictBytes {
  private kept: Judged['verdicts'] | null = null;
  private together = nothing;
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

  /** Of those that are kept together. */
  bytesOf(verdicts: Judged['verdicts']): Uint8Array | null {
    return verdicts === this.kept ? this.together : null;
  }

  private keep(verdicts: Judged['verdicts']): void {
    this.kept = verdicts;
    this.together = encoder.encode(JSON.stringify(verdicts));
    this.each.clear();
    for (const verdict of verdicts) this.each.set(verdict, encoder.encode(JSON.stringify(verdict)));
  }
}
