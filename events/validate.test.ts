import { describe, expect, it } from 'vitest';
import { validateEvent } from './validate.ts';

const paymentV1 = {
  id: 'p-1',
  type: 'payment',
  version: 1,
  source: 'shop',
  eventTimeMs: 1_700_000_000_000,
  key: 'card-7',
  amount: '57.16',
  currency: 'EUR',
  cardId: 'card-7',
};

describe('validateEvent', () => {
  it('gives topic, key, the newest version, and the bytes of the version that came', () => {
    const outcome = validateEvent(paymentV1);
    if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
    expect(outcome).toMatchObject({ topic: 'payments', key: 'card-7', event: { version: 2, amountMinor: 5716 } });
    expect(JSON.parse(new TextDecoder().decode(outcome.value))).toEqual(paymentV1);
  });

  it('finds every fault at once', () => {
    const outcome = validateEvent({ ...paymentV1, amount: -1, currency: 'x', cardId: undefined });
    if (outcome.kind !== 'bad') throw new Error('accepted');
    expect(new Set(outcome.faults.map(({ path }) => path))).toEqual(new Set(['/amount', '/currency', '/cardId']));
  });

  it('refuses what is no event, unknown types and newer versions', () => {
    for (const input of [undefined, null, 7, 'x', [], [paymentV1]])
      expect(validateEvent(input)).toEqual({ kind: 'bad', faults: [{ path: '', message: 'must be a JSON object' }] });
    expect(validateEvent({ ...paymentV1, type: 'refund' })).toMatchObject({ faults: [{ path: '/type' }] });
    expect(validateEvent({ ...paymentV1, version: 3 })).toMatchObject({ faults: [{ path: '/version' }] });
    expect(validateEvent({ ...paymentV1, key: '\udc00' })).toMatchObject({ faults: [{ path: '/key' }] });
  });
});
