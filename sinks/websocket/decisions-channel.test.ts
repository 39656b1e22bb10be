import { expect, test } from 'vitest';
import type { Decision, Outcome } from '../../events/decisions.ts';
import type { DecisionCounts, DecisionLine } from '../../live/messages.ts';
import { buildBatch } from '../../sources/batch.ts';
import { createDecisionsChannel } from './decisions-channel.ts';
import { defaultLimits } from './limits.ts';

const limits = { ...defaultLimits, decisionsMax: 4, decisionsEveryMs: 1_000, decisionsPerUpdateMax: 2 };
const noonMs = Date.UTC(2026, 0, 5, 12);

const decision = (place: number, outcome: Outcome = 'approve', over: Partial<Decision> = {}): Decision => ({
  ...{ kind: 'decision', pipeline: 'fraud', version: 1, paymentId: `p${place}`, paymentSource: 'shop' },
  ...{ eventTimeMs: noonMs, cardId: 'c1', terminalId: null, deviceId: null, merchantId: null, country: 'FR' },
  ...{
    amountMinor: 150,
    currency: 'EUR',
    outcome,
    score: 60,
    reviewScore: 50,
    declineScore: 80,
    ruleSetVersion: 'v.1',
    features: { card_count_1m: 5 },
  },
  rules: [
    { ruleId: 'a', verdict: 'hit', weight: 60, reason: '5 in a minute' },
    { ruleId: 'b', verdict: 'miss', weight: 40, reason: '' },
  ],
  ...{ clockMs: noonMs + place * 1_000, input: { topic: 'payments', partition: 0, inputOffset: String(place) } },
  revision: String(place),
  producer: { pipeline: 'fraud', version: 1, shard: 0, epoch: 0, orderOffset: String(place), index: 0, entryId: 'e' },
  ...over,
});

function channel() {
  const made = createDecisionsChannel(limits, noonMs);
  const add = (...values: object[]): boolean[] => {
    const records = values.map((value, i) => ({
      ...{ recordOffset: BigInt(i), timestampMs: 0, key: null, headers: [] },
      value: Buffer.from(JSON.stringify(value)),
    }));
    const batch = buildBatch({ topic: 'millrace.decisions', partition: 0 }, 'create', records, BigInt(values.length));
    return values.map((_, i) => made.add(batch, i));
  };
  const rows = () => [...made.view.rows()].map(({ row }) => row);
  return {
    ...{ made, add },
    counts: () => rows().find((row) => (row as DecisionCounts).kind === 'counts') as DecisionCounts,
    lines: () =>
      (rows() as DecisionLine[]).filter(({ kind }) => kind === 'decision-line').map(({ paymentId }) => paymentId),
    rows,
  };
}

test('every decision is counted once, by outcome and minute of the logged clock; a line has the hits and no features', () => {
  const { made, add, counts, rows } = channel();
  add(decision(1), decision(2, 'decline'));
  made.keepTime?.(noonMs);
  add(decision(2, 'decline'), decision(1), decision(61, 'review'));
  made.keepTime?.(noonMs + 999);
  expect(counts().total).toEqual({ approve: 1, review: 0, decline: 1 });
  made.keepTime?.(noonMs + 1_000);
  expect(counts()).toEqual({
    ...{ kind: 'counts', sinceMs: noonMs, total: { approve: 1, review: 1, decline: 1 } },
    minutes: [
      { startMs: noonMs, approve: 1, review: 0, decline: 1 },
      { startMs: noonMs + 60_000, approve: 0, review: 1, decline: 0 },
    ],
  });
  const { features: _features, rules: _rules, ...rest } = decision(1);
  expect(rows()).toContainEqual({
    ...rest,
    ...{ kind: 'decision-line', hits: [{ ruleId: 'a', weight: 60, reason: '5 in a minute' }] },
  });
});

test('of many in one update few are shown, those not approved first, and of the older ones none stays', () => {
  const { made, add, counts, lines } = channel();
  add(decision(1, 'decline'), ...Array.from({ length: 500 }, (_, i) => decision(2 + i)));
  made.keepTime?.(noonMs);
  expect(lines()).toEqual(['p1', 'p501']);
  for (let update = 1; update <= 3; update++) {
    add(decision(1_000 * update), decision(1_000 * update + 1));
    made.keepTime?.(noonMs + update * 1_000);
  }
  expect(lines()).toEqual(['p2000', 'p2001', 'p3000', 'p3001']);
  expect(counts().total.approve).toBe(506);
  expect(made.view.size).toBe(5);
});

test('nothing new makes no update, and an hour of minutes is kept', () => {
  const { made, add, counts } = channel();
  for (let minute = 0; minute < 70; minute++) add(decision(minute * 60));
  made.keepTime?.(noonMs);
  expect(counts().minutes).toHaveLength(60);
  expect(counts().minutes[0]?.startMs).toBe(noonMs + 10 * 60_000);
  made.view.publish(0);
  made.keepTime?.(noonMs + 60_000);
  expect(made.view.publish(1)).toEqual([]);
});

test('what is no decision is left out', () => {
  const { add } = channel();
  const { paymentId: _id, ...nameless } = decision(1);
  expect(add(nameless, { ...decision(1), outcome: 'maybe' }, { ...decision(1), revision: 'x' }, decision(2))).toEqual([
    ...[false, false, false, true],
  ]);
});
