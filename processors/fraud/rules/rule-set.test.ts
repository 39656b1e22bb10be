import { describe, expect, test } from 'vitest';
import type { Payment } from '../../../events/payment.ts';
import type { ListEntry, Rule, Thresholds } from '../../../events/rule.ts';
import { Features } from '../features.ts';
import { numbersAreDoubles } from './numbers-are-doubles.ts';
import { RuleSet } from './rule-set.ts';

const T0 = Date.UTC(2026, 0, 5, 12);
const payment = (over: Partial<Payment> = {}): Payment => ({
  ...{ id: 'p1', type: 'payment', version: 2, source: 'shop', eventTimeMs: T0, key: 'c1' },
  ...{ amountMinor: 12_345, currency: 'EUR', cardId: 'c1', country: 'FR', ...over },
});
const envelope = { id: 'r', version: 1, source: 'test', eventTimeMs: T0, key: 'k' } as const;
const rule = (ruleId: string, expression: string, over: Partial<Rule> = {}): Rule => ({
  ...envelope,
  ...{ type: 'rule', ruleId, expression, weight: 40, reason: `${ruleId}!`, severity: 'low', isOn: true, ...over },
});
const thresholds = (over: Partial<Thresholds> = {}): Thresholds => ({
  ...envelope,
  ...{ type: 'thresholds', reviewScore: 50, declineScore: 80, ...over },
});
const listed = (list: string, over: Partial<ListEntry> = {}): ListEntry => ({
  ...envelope,
  ...{ type: 'list-entry', list, entityType: 'card', entityId: 'c1', ...over },
});

function judge(events: readonly (Rule | Thresholds | ListEntry)[], of: Payment = payment()) {
  const rules = new RuleSet();
  for (const event of events) expect(rules.apply(event)).toBe(true);
  return rules.judge(of, new Features({ keysMax: 10 }).fold(of, -Infinity));
}

test.each([
  ['no rule', [], 'approve', 0],
  ['one below the review score', [rule('a', 'true', { weight: 49 })], 'approve', 49],
  ['one at the review score', [rule('a', 'true', { weight: 50 })], 'review', 50],
  ['two that sum up to the decline score', [rule('a', 'true'), rule('b', 'true')], 'decline', 80],
  ['one that speaks for it', [rule('a', 'true', { weight: 90 }), rule('b', 'true', { weight: -30 })], 'review', 60],
  ['one that is off', [rule('a', 'true', { weight: 90, isOn: false })], 'approve', 0],
  ['thresholds of its own', [rule('a', 'true'), thresholds({ reviewScore: 10, declineScore: 40 })], 'decline', 40],
  ['a rule that was taken out', [rule('a', 'true', { weight: 90 }), thresholds({ ruleIds: ['b'] })], 'approve', 0],
] as const)('[E6] %s', (_, events, outcome, score) => {
  expect(judge(events)).toMatchObject({ outcome, score });
});

test.each([
  ['the allow list over everything', [rule('a', 'true', { weight: 90 }), listed('block'), listed('allow')], 'approve'],
  ['the block list over scores', [rule('a', 'true', { weight: -90 }), listed('block')], 'decline'],
  ['decline over review', [rule('a', 'true', { weight: 50 }), rule('b', 'true', { weight: 30 })], 'decline'],
  ['a list of another card says nothing', [listed('block', { entityId: 'c2' })], 'approve'],
  ['a list of its country', [listed('block', { entityType: 'country', entityId: 'FR' })], 'decline'],
] as const)('[E7] precedence: %s', (_, events, outcome) => {
  expect(judge(events).outcome).toBe(outcome);
});

test('[E5] a list counts until its end in event time, is taken back, and can be asked for in a rule', () => {
  const until = listed('block', { expiresMs: T0 + 1 });
  expect(judge([until]).outcome).toBe('decline');
  expect(judge([until], payment({ eventTimeMs: T0 + 1 })).outcome).toBe('approve');
  expect(judge([listed('block'), listed('block', { isRemoved: true })]).outcome).toBe('approve');
  const asks = rule('vip', 'listed("vip", "card") && !listed("vip", "device")', { weight: 50 });
  expect(judge([asks]).outcome).toBe('approve');
  expect(judge([asks, listed('vip')]).outcome).toBe('review');
});

describe('expressions', () => {
  test.each([
    ['f.card_count_1m == 1', true],
    ['5 * f.card_count_1m / 2 > 2.4 && 5 * f.card_count_1m / 2 < 2.6', true],
    ['payment.amountMinor > 12344 && payment.amountMinor < 12346.5', true],
    ['payment.country == "FR" && payment.currency in ["EUR", "USD"]', true],
    ['f.card_is_first_seen && !f.is_weekend', true],
    // Nothing to say: no device, no place, no payment before.
    ['f.device_count_1m >= 0 || f.device_count_1m < 0', false],
    ['f.card_km_since_last > 0 || known(f.card_km_since_last) || f.device_is_first_seen', false],
    ['payment.deviceId == ""', true],
  ])('%s is %s', (expression, expected) => {
    const [verdict] = judge([rule('a', expression)]).verdicts;
    expect(verdict).toMatchObject({ verdict: expected ? 'hit' : 'miss' });
  });

  test.each([
    ['f.card_count_1x > 1', /card_count_1x/],
    ['payment.amount > 1', /amount/],
    ['f.card_count_1m > "5"', /overload/],
    ['f.card_count_1m', /double/],
    ['f.card_count_1m >', /Unexpected/],
    ['process.exit()', /process/],
  ])('%s is an error in every decision, and no hit', (expression, message) => {
    const { verdicts, outcome } = judge([rule('a', expression, { weight: 90 })]);
    expect(verdicts).toEqual([{ ruleId: 'a', verdict: 'error', weight: 90, reason: expect.stringMatching(message) }]);
    expect(outcome).toBe('approve');
  });

  test('whole numbers in texts and names stay what they are', () => {
    expect(numbersAreDoubles(`f.card_count_1m > 5 && payment.cardId != "a 5" && x.y2 == 1.5e3`)).toBe(
      `f.card_count_1m > 5.0 && payment.cardId != "a 5" && x.y2 == 1.5e3`,
    );
  });

  test('a reason carries the values', () => {
    const [verdict] = judge([
      rule('a', 'true', { reason: '{card_count_1m} of {card_km_since_last} {other}' }),
    ]).verdicts;
    expect(verdict?.reason).toBe('1 of unknown {other}');
  });
});

test('[B5] the version names the texts in force: another threshold or text is another version, the same are the same', () => {
  const version = (...events: (Rule | Thresholds)[]) => judge(events).ruleSetVersion;
  const [a, b] = [rule('a', 'true'), rule('b', 'false')];
  expect(version(a, b)).toBe(version(b, a));
  expect(version(a, b)).toMatch(/^[0-9a-f]{16}\.2$/);
  expect(version(a, b)).not.toBe(version(a, { ...b, weight: 41 }));
  expect(version(a, b)).not.toBe(version(a, b, thresholds({ declineScore: 81 })));
  expect(version(a, { ...a, isOn: false }, a)).toBe(version(a));
});

test('[E2] swapped 20 times, each payment is judged by the rules before it; restored rules judge the same', () => {
  let rules = new RuleSet();
  const features = new Features({ keysMax: 10 }).fold(payment(), -Infinity);
  for (let i = 0; i < 20; i++) {
    rules.apply(rule('a', `payment.amountMinor > ${i}`, { weight: i + 50 }));
    const before = rules.judge(payment(), features);
    expect(before.score).toBe(i + 50);
    const saved: unknown = structuredClone(rules.snapshot());
    rules = new RuleSet();
    rules.restore(saved);
    expect(rules.judge(payment(), features)).toEqual(before);
  }
});
