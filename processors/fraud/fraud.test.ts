import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Alert, Decision } from '../../events/decisions.ts';
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import type { Rule } from '../../events/rule.ts';
import type { Output } from '../../streams/batch.ts';
import { playMarbles } from '../../streams/marbles.ts';
import { atOnce } from '../../streams/pieces.ts';
import { Alerts } from './alerts.ts';
import { fraud, type FraudEvent } from './fraud.ts';
import type { Judged } from './rules/rule-set.ts';

const T0 = Date.UTC(2026, 0, 5, 12);
const options = { keysMax: 100, coolDownMs: 60_000, alertUpdateEveryMs: 10_000 };

const pay = (atMs: number, cardId = 'c1', over: Partial<Payment> = {}): { value: FraudEvent } => ({
  value: {
    ...{ id: `${cardId}-${atMs}`, type: 'payment', version: 2, source: 'shop', eventTimeMs: T0 + atMs, key: cardId },
    ...{ amountMinor: 100, currency: 'EUR', cardId, ...over },
  },
});
const rule = (expression: string): { value: Rule } => ({
  value: {
    ...{ id: 'r', type: 'rule', version: 1, source: 'rules', eventTimeMs: T0, key: 'many' },
    ...{ ruleId: 'many', expression, weight: 90, reason: '{card_count_1m} in a minute', severity: 'high', isOn: true },
  },
});
const refuted = (paymentId: string): { value: Label } => ({
  value: {
    ...{ id: `l-${paymentId}`, type: 'label', version: 1, source: 'shop', eventTimeMs: T0 + 5_000, key: 'c1' },
    ...{ verdict: 'refuted', paymentId, paymentEventTimeMs: T0, cardId: 'c1' },
  },
});

function show({ body }: Output): string {
  const result = body as unknown as Decision | Alert;
  if (result.kind === 'decision') return `${result.paymentId} ${result.outcome} ${result.score}`;
  return `${result.transition} ${result.entityId} ${result.hits}`;
}

const play = (...diagram: Parameters<typeof playMarbles> extends [unknown, ...infer Rest] ? Rest : never): void => {
  const { operator } = fraud(options).create();
  const assertEqual = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected);
  playMarbles<FraudEvent>({ operator, outOfOrdernessMs: 5_000, startMs: T0, show, assertEqual }, ...diagram);
};

test('[C17][E2] a rule counts from its place in the order on; its alert is raised once, updated by steps, and ends with the cool-down', () => {
  play(
    'a-b-c 9999ms d 60s e|',
    {
      a: { records: [pay(0), pay(1)] },
      b: { records: [rule('f.card_count_1m >= 3'), pay(2), pay(3), pay(4, 'c2')] },
      c: { records: [pay(5)] },
      d: {},
      e: {},
    },
    'a-b-c 9999ms d 60s e|',
    {
      a: ['c1-0 approve 0', 'c1-1 approve 0'],
      b: ['c1-2 decline 90', 'c1-3 decline 90', 'c2-4 approve 0', 'raised c1 2'],
      c: ['c1-5 decline 90'],
      d: ['updated c1 3'],
      e: ['resolved c1 3'],
    },
  );
});

test('[H10] an alert whose payments are all refuted is retracted; the next is another one', () => {
  play(
    'a-b-c-d|',
    {
      a: { records: [rule('true'), pay(0), pay(1)] },
      b: { records: [refuted('c1-0')] },
      c: { records: [refuted('c1-1')] },
      d: { records: [pay(6_000)] },
    },
    'a---c-d|',
    {
      a: ['c1-0 decline 90', 'c1-1 decline 90', 'raised c1 2'],
      c: ['retracted c1 0'],
      d: ['c1-6000 decline 90', 'raised c1 1'],
    },
  );
});

const declined: Judged = {
  outcome: 'decline',
  score: 90,
  verdicts: [],
  severity: 'high',
  reviewScore: 50,
  declineScore: 80,
  ruleSetVersion: 'v',
};

test('[H10] 10,000 payments within a minute are one alert and a few updates, and all are counted in its end', () => {
  const alerts = new Alerts({ coolDownMs: 60_000, updateEveryMs: 10_000, alertsMax: 10 });
  const told: string[] = [];
  const entry = (clockMs: number, payments: number): void => {
    for (const { transition, hits } of alerts.begin(clockMs)) told.push(`${transition} ${hits}`);
    for (let i = 0; i < payments; i++) alerts.fold(pay(clockMs + i).value as Payment, declined, clockMs);
    for (const { transition, hits } of alerts.end(clockMs)) told.push(`${transition} ${hits}`);
  };
  for (let i = 0; i < 100; i++) entry(i * 600, 100);
  entry(70_000, 0);
  entry(59_400 + 60_000, 0);
  expect(told.slice(0, 2)).toEqual(['raised 100', 'updated 1800']);
  expect(told.length).toBeLessThanOrEqual(9);
  expect(told.at(-1)).toBe('resolved 10000');
});

test('which alerts are told does not depend on what was looked through before: after every restart it is the same', () => {
  const act = fc.record({ card: fc.nat(6), isRefuted: fc.boolean(), at: fc.nat(9) });
  const entry = fc.record({
    ms: fc.constantFrom(0, 500, 3_000, 9_999, 10_000, 30_000),
    acts: fc.array(act, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 10, maxLength: 40 }), (entries) => {
      const make = () => new Alerts({ coolDownMs: 25_000, updateEveryMs: 10_000, alertsMax: 6 });
      const straight = make();
      let restarted = make();
      let clockMs = 0;
      const paid: Payment[] = [];
      for (const [n, { ms, acts }] of entries.entries()) {
        clockMs += ms;
        const state = atOnce(restarted.beginSnapshot(1_000));
        (restarted = make()).restore(state);
        const told = [straight, restarted].map((alerts) => {
          const all = [...alerts.begin(clockMs)];
          for (const [i, { card, isRefuted, at }] of acts.entries()) {
            const known = paid.at(-1 - at);
            if (isRefuted && known) alerts.foldLabel({ ...refuted(known.id).value, cardId: known.cardId } as Label);
            else alerts.fold(pay(n * 10 + i, `c${card}`).value as Payment, declined, clockMs);
          }
          return [...all, ...alerts.end(clockMs)];
        });
        for (const [i, { card }] of acts.entries()) paid.push(pay(n * 10 + i, `c${card}`).value as Payment);
        expect(told[1]).toEqual(told[0]);
      }
    }),
    { numRuns: 200 },
  );
});

test('[D3] beyond the limit an alert is counted and not raised, and a payment of a new card is a dead letter', () => {
  const alerts = new Alerts({ coolDownMs: 60_000, updateEveryMs: 10_000, alertsMax: 1 });
  alerts.fold(pay(0, 'c1').value as Payment, declined, 0);
  alerts.fold(pay(0, 'c2').value as Payment, declined, 0);
  expect(alerts.end(0)).toHaveLength(1);
  expect(alerts.counters()).toEqual({ alerts_open: 1, alerts_refused: 1 });
});
