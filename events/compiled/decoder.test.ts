import { seeded } from '../../bench/seeded.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mutatedJson } from '../../tests/mutated-json.ts';
import { decodeEvent, type DecodeOutcome } from '../decode.ts';
import { createDecoder } from './decoder.ts';

const { latin1Slice } = Buffer.prototype;
const readAscii = (bytes: Uint8Array, start: number, end: number): string => latin1Slice.call(bytes, start, end);
const utf8 = new TextEncoder();
const decoder = (fieldsRead?: Readonly<Record<string, readonly string[]>>) => createDecoder({ readAscii, fieldsRead });

const payment = {
  ...{ id: 'p-1', type: 'payment', version: 2, source: 'shop', eventTimeMs: 1_700_000_000_000, key: 'card-7' },
  ...{ amountMinor: 5716, currency: 'EUR', cardId: 'card-7', country: 'FR', latitude: -48.85, longitude: 2.35 },
};

const golden: readonly string[] = readdirSync(new URL('../golden/', import.meta.url)).flatMap((file) => {
  const samples = JSON.parse(readFileSync(new URL(`../golden/${file}`, import.meta.url), 'utf8')) as {
    event: object;
  }[];
  return samples.map(({ event }) => JSON.stringify(event));
});

const decode = (compiled: ReturnType<typeof decoder>, text: string): DecodeOutcome => {
  const bytes = utf8.encode(text);
  return compiled.decode(bytes, 0, bytes.length);
};

describe('the compiled decoder', () => {
  it('takes what it has seen the layout of, and parses the first', () => {
    const compiled = decoder();
    for (let i = 0; i < 10; i++) {
      const event = { ...payment, id: `p-${i}`, amountMinor: i, latitude: i / 7 };
      expect(decode(compiled, JSON.stringify(event))).toStrictEqual({ kind: 'event', event });
    }
    expect(compiled.counts()).toEqual({ compiled: 9, parsed: 1 });
  });

  it('knows several layouts, each by what it writes between the values', () => {
    const compiled = decoder();
    const { country: _, ...shorter } = payment;
    for (let i = 0; i < 10; i++)
      for (const text of [JSON.stringify(payment), JSON.stringify(shorter), JSON.stringify(payment, null, 2)])
        expect(decode(compiled, text)).toStrictEqual(decodeEvent(utf8.encode(text), 0, text.length));
    expect(compiled.counts()).toEqual({ compiled: 27, parsed: 3 });
  });

  it.each([
    ['an escape', { id: 'a\\u0041' }],
    ['beyond ASCII', { merchantId: 'café' }],
    ['a number with an exponent', { latitude: 'EXP' }],
    ['too long a text', { id: 'x'.repeat(201) }],
    ['an empty text', { id: '' }],
    ['a fraction where whole numbers are asked for', { amountMinor: 1.5 }],
    ['a negative amount', { amountMinor: -1 }],
    ['more than the largest amount', { amountMinor: 1_000_000_000_001 }],
    ['a country in small letters', { country: 'fr' }],
    ['a place beyond the pole', { latitude: 90.5 }],
    ['a field that no schema names', { loyalty: 'gold' }],
    ['text where a number is asked for', { amountMinor: '1' }],
    ['null', { country: null }],
  ])('leaves %s to the slow path', (_what, change) => {
    const compiled = decoder();
    decode(compiled, JSON.stringify(payment));
    const text = JSON.stringify({ ...payment, ...change })
      .replace('\\\\u', '\\u')
      .replace('"EXP"', '1e1');
    const bytes = utf8.encode(text);
    expect(compiled.decode(bytes, 0, bytes.length)).toStrictEqual(decodeEvent(bytes, 0, bytes.length));
    expect(compiled.counts()).toEqual({ compiled: 0, parsed: 2 });
  });

  it('leaves a key that comes twice to the slow path, and learns nothing from it', () => {
    const compiled = decoder();
    const twice = JSON.stringify(payment).replace('"currency":"EUR"', '"currency":"EUR","currency":"USD"');
    for (let i = 0; i < 3; i++) expect(decode(compiled, twice)).toMatchObject({ event: { currency: 'USD' } });
    expect(compiled.counts()).toEqual({ compiled: 0, parsed: 3 });
  });

  it('leaves out declared fields that nobody reads, but checks them', () => {
    const compiled = decoder({ payment: ['amountMinor'] });
    decode(compiled, JSON.stringify(payment));
    const { id, type, version, source, eventTimeMs, key, amountMinor } = payment;
    const event = { id, type, version, source, eventTimeMs, key, amountMinor };
    expect(decode(compiled, JSON.stringify(payment))).toStrictEqual({ kind: 'event', event });
    expect(decode(compiled, JSON.stringify({ ...payment, country: 'xx' }))).toMatchObject({ fieldPath: '/country' });
    expect(compiled.counts()).toEqual({ compiled: 1, parsed: 2 });
  });

  it('lends texts with hints that are mostly the same for the same text, and a key twice is one string', () => {
    const compiled = createDecoder({ readAscii, lends: true });
    const hintOf = (card: number, key = card): number | undefined => {
      const event = { ...payment, key: `card-${key}`, cardId: `card-${card}`, latitude: card / 8 };
      const outcome = decode(compiled, JSON.stringify(event));
      if (outcome.kind !== 'event') throw new Error(outcome.kind);
      expect({ ...outcome.event, id: outcome.event.id }).toEqual(event);
      return (outcome.event as { readonly hints?: Readonly<Record<string, number>> }).hints?.['cardId'];
    };
    hintOf(0);
    const first = Array.from({ length: 100 }, (_, card) => hintOf(card));
    expect(Array.from({ length: 100 }, (_, card) => hintOf(card))).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(90);
    const others = Array.from({ length: 100 }, (_, card) => hintOf(card, card + 1));
    expect(Array.from({ length: 100 }, (_, card) => hintOf(card, card + 1))).toEqual(others);
  });

  it.each(['0', '-0', '-0.0', '0.1', '12.345678901234', '-1.005', '89.9999999999999999', '0.000000000000001', '4.35'])(
    'reads %s as JSON.parse does',
    (latitude) => {
      const compiled = decoder();
      const text = JSON.stringify(payment).replace('-48.85', latitude);
      decode(compiled, text);
      expect(decode(compiled, text)).toStrictEqual(decodeEvent(utf8.encode(text), 0, text.length));
      expect(compiled.counts()).toEqual({ compiled: 1, parsed: 1 });
    },
  );

  it('does not compile for ever', () => {
    const compiled = decoder();
    for (let i = 0; i < 3_000; i++) decode(compiled, JSON.stringify(payment).replace(',', ','.padEnd(i + 1)));
    const { parsed } = compiled.counts();
    expect(parsed).toBe(3_000);
    for (let i = 0; i < 3_000; i++) decode(compiled, JSON.stringify(payment));
    expect(compiled.counts().compiled).toBeGreaterThan(500);
  });

  it('gives the answer of the slow path for 1,000,000 mutated events, seed 20261126', { timeout: 300_000 }, () => {
    const random = seeded(20_261_126);
    const compiled = decoder();
    const differing: string[] = [];
    const around = utf8.encode(JSON.stringify(payment));
    const buffer = new Uint8Array(8_192);
    for (let i = 0; i < 1_000_000 && differing.length < 3; i++) {
      const text = i % 3 === 0 ? (golden[random(golden.length)] as string) : sample(random);
      const sent = i % 2 === 0 ? text : mutated(text, random);
      // What follows the event in the buffer could go on from it.
      const start = random(4);
      buffer.set(around.subarray(0, start), 0);
      const { written } = utf8.encodeInto(sent, buffer.subarray(start));
      buffer.set(around.subarray(random(around.length)), start + written);
      const fast = compiled.decode(buffer, start, start + written);
      const slow = decodeEvent(buffer, start, start + written);
      if (!isSame(fast, slow)) differing.push(sent);
    }
    expect(differing).toEqual([]);
    expect(compiled.counts().compiled).toBeGreaterThan(300_000);
  });
});

/** Keys in their order, −0 apart from 0. */
function isSame(one: DecodeOutcome, other: DecodeOutcome): boolean {
  if (one.kind !== 'event' || other.kind !== 'event') return JSON.stringify(one) === JSON.stringify(other);
  const [a, b] = [Object.entries(one.event), Object.entries(other.event)];
  return (
    a.length === b.length &&
    a.every(([name, value], i) => {
      const [name2, value2] = b[i] ?? [];
      const isEqual =
        Object.is(value, value2) || (typeof value === 'object' && JSON.stringify(value) === JSON.stringify(value2));
      return name === name2 && isEqual;
    })
  );
}

function sample(random: (below: number) => number): string {
  const common = {
    id: `p-${random(1_000_000)}`,
    type: 'payment',
    version: 2,
    source: ['shop', 'app'][random(2)],
    eventTimeMs: 1_700_000_000_000 + random(1e9),
    key: `card-${random(500)}`,
    amountMinor: random(100_000),
    currency: ['EUR', 'USD', 'GBP'][random(3)],
    cardId: `card-${random(500)}`,
  };
  const place = { latitude: random(180_000) / 1_000 - 90, longitude: -random(180_000) / 999 };
  return JSON.stringify([common, { ...common, country: 'FR' }, { ...common, ...place }][random(3)]);
}

function mutated(text: string, random: (below: number) => number): string {
  let one = text;
  for (let times = 1 + random(3); times > 0; times--) one = mutatedJson(one, random);
  return one;
}
