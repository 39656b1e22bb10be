import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Payment } from '../../events/payment.ts';
import type { RecordBatch } from '../../sources/source.ts';
import { DecisionOutput, DecisionWriter } from './decision-output.ts';
import { featureNames } from './feature-names.ts';
import { isFlagAt, namedFeatures, newRow } from './feature-row.ts';
import type { Judged } from './rules/rule-set.ts';

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('card-1', 'é', '"\\', '\n'));
const value = fc.oneof(fc.double(), fc.nat(), fc.constantFrom(0, -0, 1 / 3, 1e300, 1_764_000_000_000));
const payment = fc.record(
  {
    ...{ id: text, type: fc.constant('payment'), version: fc.constant(2), source: text, eventTimeMs: fc.maxSafeNat() },
    ...{ key: text, amountMinor: fc.nat(), currency: text, cardId: text },
    ...{ terminalId: text, deviceId: text, merchantId: text, country: text },
  },
  { requiredKeys: ['id', 'type', 'version', 'source', 'eventTimeMs', 'key', 'amountMinor', 'currency', 'cardId'] },
) as fc.Arbitrary<Payment>;
const row = fc.array(value, { minLength: featureNames.length, maxLength: featureNames.length }).map((values) => {
  const made = newRow();
  for (const [place, of] of values.entries()) made[place] = isFlagAt(place) ? Number(of > 1) : of;
  return made;
});
const verdict = fc.record({
  ...{ ruleId: text, verdict: fc.constantFrom('hit' as const, 'miss' as const, 'off' as const), weight: fc.integer() },
  reason: text,
});
const quiet = [{ ruleId: 'a', verdict: 'miss' as const, weight: 1, reason: '' }];
const judged: fc.Arbitrary<Judged> = fc.record({
  ...{ outcome: fc.constantFrom('approve' as const, 'decline' as const), score: fc.integer() },
  ...{ verdicts: fc.oneof(fc.constant(quiet), fc.array(verdict)), severity: fc.constant('low' as const) },
  ...{ reviewScore: fc.integer(), declineScore: fc.integer(), ruleSetVersion: text },
});

test('a decision is written as JSON.stringify would write it, and reads back as its object', () => {
  const writer = new DecisionWriter();
  fc.assert(
    fc.property(
      payment,
      judged,
      row,
      fc.maxSafeNat(),
      fc.bigInt({ min: 2n, max: 2n ** 63n }),
      (of, by, features, clockMs, at) => {
        const place = { topic: 'payments', partition: 3 };
        const batch = { ...place, baseOffset: at - 2n, offsetDeltas: Int32Array.of(0, 2) } as unknown as RecordBatch;
        const decided = { payment: of, judged: by, row: features, clockMs, batch, index: 1 };
        const output = new DecisionOutput(decided, writer);
        const expected = {
          ...{ kind: 'decision', paymentId: of.id, paymentSource: of.source, eventTimeMs: of.eventTimeMs },
          ...{ cardId: of.cardId, terminalId: of.terminalId ?? null, deviceId: of.deviceId ?? null },
          ...{ merchantId: of.merchantId ?? null, country: of.country ?? null, amountMinor: of.amountMinor },
          ...{ currency: of.currency, outcome: by.outcome, score: by.score, reviewScore: by.reviewScore },
          ...{ declineScore: by.declineScore, ruleSetVersion: by.ruleSetVersion, rules: by.verdicts },
          ...{ features: namedFeatures(features), clockMs, input: { ...place, inputOffset: String(at) } },
        };
        const { written, start, end } = output;
        expect(new TextDecoder().decode(written.bytes.subarray(start, end))).toBe(JSON.stringify(expected));
        expect(output.body).toEqual(JSON.parse(JSON.stringify(expected)));
        written.release();
      },
    ),
    { numRuns: 500 },
  );
});
