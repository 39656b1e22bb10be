import fc from 'fast-check';
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Payment } from '../../../events/payment.ts';
import { featureNames } from '../feature-names.ts';
import { isFlagAt, newRow } from '../feature-row.ts';
import { ruleLanguage } from './rule-language.ts';

const isListed = (list: string, entityType: string): boolean => list === 'vip' && entityType === 'card';
const quick = ruleLanguage(isListed);
const interpreted = ruleLanguage(isListed, false);

const flags = featureNames.filter((_, place) => isFlagAt(place)).map((name) => `f.${name}`);
const numbers = featureNames.filter((_, place) => !isFlagAt(place)).map((name) => `f.${name}`);

/** Expressions of each type, nested. */
const { truth } = fc.letrec<{ truth: string; number: string; text: string }>((tie) => ({
  number: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(...numbers, 'payment.amountMinor', 'payment.latitude', '0', '1.5', '1000', '-3'),
    fc.tuple(tie('number'), fc.constantFrom('+', '-', '*', '/'), tie('number')).map((parts) => `(${parts.join(' ')})`),
    tie('number').map((of) => `-(${of})`),
  ),
  text: fc.constantFrom('payment.country', 'payment.deviceId', 'payment.currency', '"FR"', '""', '"card"', '"vip"'),
  truth: fc.oneof(
    { depthSize: 'medium' },
    fc.constantFrom(...flags, 'true', 'false'),
    fc
      .tuple(tie('number'), fc.constantFrom('<', '<=', '>', '>=', '==', '!='), tie('number'))
      .map((parts) => `(${parts.join(' ')})`),
    fc.tuple(tie('text'), fc.constantFrom('==', '!='), tie('text')).map((parts) => `(${parts.join(' ')})`),
    fc
      .tuple(tie('truth'), fc.constantFrom('&&', '||', '==', '!='), tie('truth'))
      .map((parts) => `(${parts.join(' ')})`),
    tie('truth').map((of) => `!(${of})`),
    tie('number').map((of) => `known(${of})`),
    tie('number').map((of) => `(${of} in [1, 2.5, 1000])`),
    tie('text').map((of) => `(${of} in ["FR", "", "EUR"])`),
    fc.tuple(tie('text'), tie('text')).map(([list, type]) => `listed(${list}, ${type})`),
  ),
}));

const value = fc.oneof(fc.constantFrom(0, 1, 2.5, 1_000, Number.NaN), fc.double({ noDefaultInfinity: true }));
const row = fc.array(value, { minLength: featureNames.length, maxLength: featureNames.length }).map((values) => {
  const made = newRow();
  for (const [place, of] of values.entries()) made[place] = isFlagAt(place) ? (of > 0 ? 1 : of === 0 ? 0 : NaN) : of;
  return made;
});
const payment: fc.Arbitrary<Payment> = fc.record({
  ...{ id: fc.constant('p'), type: fc.constant('payment'), version: fc.constant(2), source: fc.constant('s') },
  ...{ eventTimeMs: fc.nat(), key: fc.constant('c'), amountMinor: fc.nat(), currency: fc.constantFrom('EUR', 'USD') },
  ...{ cardId: fc.constant('c') },
}) as fc.Arbitrary<Payment>;

test('an expression gives what the interpreter of the language gives', () => {
  fc.assert(
    fc.property(truth, fc.array(fc.tuple(payment, row), { minLength: 1, maxLength: 5 }), (expression, subjects) => {
      const [one, other] = [quick.compile(expression), interpreted.compile(expression)];
      if (one.kind === 'faulty' || other.kind === 'faulty') throw new Error(`${expression} does not compile`);
      expect([one.isQuick, other.isQuick], expression).toEqual([true, false]);
      for (const [of, features] of subjects) {
        const subject = { payment: of, row: features };
        expect(one.hits(subject), expression).toBe(other.hits(subject));
      }
    }),
    { numRuns: 1_000 },
  );
});

test('the rules that come along need no interpreter; one that asks for more is left to it', () => {
  const folder = new URL('../../../config/rules/', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'thresholds.yaml');
  expect(files.length).toBeGreaterThan(5);
  for (const name of files) {
    const { expression } = parse(readFileSync(new URL(name, folder), 'utf8')) as { expression: string };
    expect(quick.compile(expression), name).toMatchObject({ isQuick: true });
  }
  for (const expression of [
    'payment.cardId.startsWith("4")',
    'f.is_night ? true : f.is_weekend',
    'size(payment.id) > 3',
  ])
    expect(quick.compile(expression), expression).toMatchObject({ kind: 'compiled', isQuick: false });
});
