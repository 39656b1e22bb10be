import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { catalog } from './catalog.ts';
import { decodeEvent } from './decode.ts';

const payment = {
  id: 'p-1',
  type: 'payment',
  version: 2,
  source: 'shop',
  eventTimeMs: 1_700_000_000_000,
  key: 'card-7',
  amountMinor: 5716,
  currency: 'EUR',
  cardId: 'card-7',
};
const decodeText = (text: string) => {
  const bytes = new TextEncoder().encode(text);
  return decodeEvent(bytes, 0, bytes.length);
};
const decode = (change: object) => decodeText(JSON.stringify({ ...payment, ...change }));

describe('decodeEvent', () => {
  it('gives a valid event, from a slice of a larger buffer', () => {
    const bytes = new TextEncoder().encode(`xx${JSON.stringify(payment)}yy`);
    expect(decodeEvent(bytes, 2, bytes.length - 2)).toEqual({ kind: 'event', event: payment });
  });

  it('[A4] names field and fault of an invalid event, and its source, never the value', () => {
    expect(decode({ amountMinor: 'secret' })).toEqual({
      kind: 'dead',
      reason: 'invalid',
      message: 'amountMinor must be integer',
      fieldPath: '/amountMinor',
      source: 'shop',
    });
    expect(decode({ cardId: undefined })).toMatchObject({ fieldPath: '/cardId', message: 'cardId is required' });
    expect(decode({ currency: 'euro' })).toMatchObject({ reason: 'invalid', fieldPath: '/currency' });
    expect(decode({ country: '' })).toMatchObject({ reason: 'invalid', fieldPath: '/country' });
    expect(decode({ eventTimeMs: 1_700_000_000_000_000 })).toMatchObject({ fieldPath: '/eventTimeMs' });
    expect(decode({ eventTimeMs: 1.5 })).toMatchObject({ fieldPath: '/eventTimeMs' });
    expect(decode({ id: 'x'.repeat(201) })).toMatchObject({ fieldPath: '/id' });
    expect(decode({ version: 0 })).toMatchObject({ fieldPath: '/version' });
    expect(decode({ version: '2' })).toMatchObject({ fieldPath: '/version' });
  });

  it('refuses numbers that are not finite', () => {
    const text = JSON.stringify({ ...payment, latitude: 0 });
    expect(decodeText(text.replace('"latitude":0', '"latitude":1e400'))).toMatchObject({ fieldPath: '/latitude' });
    expect(decodeText(text.replace('5716', '1e400'))).toMatchObject({ fieldPath: '/amountMinor' });
  });

  it('[B4] allows fields that it does not know', () => {
    expect(decode({ loyaltyTier: { name: 'gold' } })).toMatchObject({ kind: 'event' });
  });

  it('[B3] sets a newer version aside with what is known of it', () => {
    expect(decode({ version: 9, amountMinor: 'whatever' })).toEqual({
      kind: 'quarantined',
      eventType: 'payment',
      eventVersion: 9,
      newestKnownVersion: 2,
    });
  });

  it('tells undecodable, unknown type and invalid apart', () => {
    for (const text of ['', 'x', '{', '[]', 'null', '"payment"', '7'])
      expect(decodeText(text)).toMatchObject({ kind: 'dead', reason: 'undecodable', source: null });
    expect(decodeEvent(new Uint8Array([0xff, 0xfe]), 0, 2)).toMatchObject({ reason: 'undecodable' });
    expect(decode({ type: 'refund' })).toMatchObject({ reason: 'unknown_type', fieldPath: '/type', source: 'shop' });
    for (const type of ['__proto__', 'constructor', 'toString'])
      expect(decode({ type })).toMatchObject({ reason: 'unknown_type' });
    expect(decode({ type: 7 })).toMatchObject({ reason: 'invalid', fieldPath: '/type' });
  });

  it('makes __proto__ harmless', () => {
    const outcome = decodeText(JSON.stringify(payment).replace('{', '{"__proto__":{"country":"XX"},'));
    expect(outcome).toEqual({ kind: 'event', event: payment });
    const withoutCard = JSON.stringify({ ...payment, cardId: undefined });
    expect(decodeText(withoutCard.replace('{', '{"__proto__":{"cardId":"x"},'))).toMatchObject({
      fieldPath: '/cardId',
    });
  });

  it('refuses half a surrogate pair, which would not come back the same from UTF-8', () => {
    expect(decode({ cardId: '\ud800' })).toMatchObject({ reason: 'invalid', fieldPath: '/cardId' });
    expect(decode({ cardId: '😀' })).toMatchObject({ kind: 'event' });
    expect(decodeText(JSON.stringify(payment).replace('"cardId":"card-7"', '"cardId":"\\ud83d\\ude00"'))).toMatchObject(
      {
        kind: 'event',
      },
    );
  });

  it('never throws and never gives an invalid event, whatever the bytes', () => {
    const known = [...catalog.keys()];
    const nearEvents = fc
      .record({
        type: fc.oneof(fc.constantFrom(...known), fc.string()),
        version: fc.oneof(fc.integer({ min: -1, max: 4 }), fc.double(), fc.string()),
        rest: fc.dictionary(fc.constantFrom(...Object.keys(payment), '__proto__', 'amount'), fc.jsonValue()),
      })
      .map(({ type, version, rest }) => JSON.stringify({ ...payment, ...rest, type, version }));
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.oneof(fc.json(), nearEvents, fc.string()).map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const outcome = decodeEvent(bytes, 0, bytes.length);
        if (outcome.kind !== 'event') return;
        const again = new TextEncoder().encode(JSON.stringify(outcome.event));
        expect(JSON.stringify(decodeEvent(again, 0, again.length))).toBe(JSON.stringify(outcome));
      }),
      { numRuns: 2000 },
    );
  });
});
