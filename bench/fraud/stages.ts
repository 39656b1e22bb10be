import { readAscii } from '../../cli/start/decoder-of.ts';
import { createDecoder } from '../../events/compiled/decoder.ts';
import type { Payment } from '../../events/payment.ts';
import { DecisionOutput, DecisionWriter } from '../../processors/fraud/decision-output.ts';
import { Features } from '../../processors/fraud/features.ts';
import { type Judged, RuleSet } from '../../processors/fraud/rules/rule-set.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { rounded, secondsOf } from '../meter.ts';
import { type PaymentsOptions, benchRules, seededPayments } from './payments.ts';

/** Microseconds of CPU a payment, each part alone over all payments: what they do to each other's caches is not in it. */
export interface Stages {
  readonly decode: number;
  readonly features: number;
  readonly rules: number;
  readonly write: number;
}

const outOfOrdernessMs = 5_000;

export function measureStages(options: PaymentsOptions): Stages {
  const payments = [...seededPayments(options)];
  const encoded = payments.map((payment) => new Uint8Array(Buffer.from(JSON.stringify(payment))));
  const decoder = createDecoder({ readAscii });
  const decode = micros(payments, (_, i) => {
    const bytes = encoded[i] as Uint8Array;
    decoder.decode(bytes, 0, bytes.length);
  });
  const features = new Features({ keysMax: 1_000_000 });
  let newestMs = -Infinity;
  const folding = micros(payments, (payment) => {
    newestMs = Math.max(newestMs, payment.eventTimeMs);
    features.fold(payment, newestMs - outOfOrdernessMs);
  });
  const rules = new RuleSet();
  for (const event of benchRules()) rules.apply(event);
  const row = features.fold(payments[0] as Payment, newestMs);
  const judging = micros(payments, (payment) => void rules.judge(payment, row));
  const writer = new DecisionWriter();
  const judged: Judged = rules.judge(payments[0] as Payment, row);
  const batch = new EntryLog(['payments-0']).append({ clockMs: 0, records: [{ value: payments[0] as Payment }] })
    .batches[0];
  if (!batch) throw new Error('no batch');
  const writing = micros(payments, (payment) => {
    const decided = { payment, judged, row, clockMs: newestMs, batch, index: 0 };
    new DecisionOutput(decided, writer).written.release();
  });
  return { decode, features: folding, rules: judging, write: writing };
}

function micros(payments: readonly Payment[], each: (payment: Payment, i: number) => void): number {
  const before = process.cpuUsage();
  for (let i = 0; i < payments.length; i++) each(payments[i] as Payment, i);
  return rounded((secondsOf(process.cpuUsage(before)) * 1e6) / payments.length);
}
