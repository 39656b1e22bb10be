import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEvent } from '../../events/decode.ts';
import type { Payment, PaymentV1 } from '../../events/payment.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { foldAll, lastValues, oracle, revenuePipeline } from '../fold/cases.ts';
import { law } from './law.ts';

const decode = (event: object) => {
  const bytes = new TextEncoder().encode(JSON.stringify(event));
  return decodeEvent(bytes, 0, bytes.length);
};

const T0 = 1_767_225_600_000;
const digitsOf = { EUR: 2, JPY: 0, BHD: 3 } as const;

/** The same fact in version 1 and in the newest, written by hand: the amount is the same digits with a point in them, or without. */
const factArb: fc.Arbitrary<{ old: PaymentV1; newest: Payment }> = fc
  .record({
    id: fc.uuid(),
    source: fc.constantFrom('till', 'käse', 'x'.repeat(200)),
    atMs: fc.nat(7_200_000),
    currency: fc.constantFrom('EUR', 'JPY', 'BHD'),
    amountMinor: fc.nat(99_999_999),
    isText: fc.boolean(),
    terminalId: fc.option(fc.constantFrom('t-1', 't-2'), { nil: undefined }),
    merchantId: fc.option(fc.constantFrom('m-1', 'm-2'), { nil: undefined }),
  })
  .map(({ atMs, amountMinor, isText, currency, terminalId, merchantId, ...rest }) => {
    const digits = digitsOf[currency];
    const padded = String(amountMinor).padStart(digits + 1, '0');
    const text = digits === 0 ? padded : `${padded.slice(0, -digits)}.${padded.slice(-digits)}`;
    const places = { ...(terminalId && { terminalId }), ...(merchantId && { merchantId }) };
    const same = {
      ...rest,
      type: 'payment',
      eventTimeMs: T0 + atMs,
      key: 'card-1',
      cardId: 'card-1',
      currency,
      ...places,
    };
    return {
      old: { ...same, version: 1, amount: isText ? text : Number(text) } as PaymentV1,
      newest: { ...same, version: 2, amountMinor } as Payment,
    };
  });

law(
  6,
  'upcast, then decode, equals decoding the newest',
  fc.property(factArb, ({ old, newest }) => {
    expect(decode(old)).toEqual({ kind: 'event', event: newest });
    expect(decode(newest)).toEqual({ kind: 'event', event: newest });
  }),
);

describe('recordings', () => {
  test('[B1] of the same facts in every version, and in any mixture, give equal windows', () => {
    fc.assert(
      fc.property(fc.array(factArb, { maxLength: 40 }), fc.infiniteStream(fc.boolean()), (facts, isOld) => {
        const run = (events: readonly object[]) => {
          const log = new EntryLog();
          const fold = revenuePipeline({ outOfOrdernessMs: 7_200_000 });
          const records = events.map((value) => ({ value }));
          const clockMs = T0 + 7_200_000;
          return lastValues(
            foldAll(fold, [
              log.append({ clockMs, records }),
              log.append({ clockMs: clockMs + 1e9, idle: ['payments-0'] }),
            ]),
          );
        };
        const expected = oracle(facts.map(({ newest }) => newest));
        expect(run(facts.map(({ old }) => old))).toEqual(expected);
        expect(run(facts.map(({ newest }) => newest))).toEqual(expected);
        expect(run(facts.map(({ old, newest }) => (isOld.next().value ? old : newest)))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});
