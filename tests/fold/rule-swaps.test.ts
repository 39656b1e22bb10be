import { expect, test } from 'vitest';
import type { Decision } from '../../events/decisions.ts';
import { decodeEvent } from '../../events/decode.ts';
import { resultTopics } from '../../events/topics.ts';
import { createPipeline } from '../../pipeline.ts';
import { fraud } from '../../processors/fraud/fraud.ts';
import { EntryLog, type LoggedRecord } from '../../streams/entry-log.ts';
import { payment, record, T0 } from './cases.ts';

const swaps = 20;
const paymentsPerSwap = 500;
const partitions = [...[0, 1, 2, 3].map((partition) => `payments-${partition}`), 'millrace.rules-0'] as const;

/** The one rule, of weight 50 + `swap`: the score of a decision tells by which text it was made. */
const ruleOf = (swap: number): LoggedRecord => ({
  partition: 'millrace.rules-0',
  value: {
    ...{ id: `rule-${swap}`, type: 'rule', version: 1, source: 'test', eventTimeMs: T0 + swap, key: 'always' },
    ...{ ruleId: 'always', expression: `payment.amountMinor > ${swap}`, weight: 50 + swap, reason: 'always' },
    ...{ severity: 'low', isOn: true },
  },
});

test('[E2][B5][B7] 20 rule swaps under load: each payment is decided once, by the one text in force at its place, and keeps its version', () => {
  const fold = createPipeline({
    processor: fraud({ keysMax: 10_000, coolDownMs: 600_000, alertUpdateEveryMs: 30_000 }),
    decode: decodeEvent,
    clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
    outOfOrdernessMs: 5_000,
    dedupe: { horizonMs: 3_600_000, idsMax: 100_000 },
    shard: 0,
    shards: 1,
  });
  const log = new EntryLog([...partitions]);
  const decisions: Decision[] = [];
  const wanted = new Map<string, number>();
  const sent: LoggedRecord[] = [];
  for (let swap = 0; swap < swaps; swap++) {
    for (let entry = 0; entry < 5; entry++) {
      const clockMs = T0 + swap * 5_000 + entry * 1_000;
      // The swap stands in the middle of an entry: what is before it is judged by the text before.
      const before = Array.from({ length: paymentsPerSwap / 5 }, (_, i) => {
        const id = `${swap}-${entry}-${i}`;
        const isBefore = entry === 0 && i < 40;
        if (swap > 0 || !isBefore) wanted.set(id, 50 + swap - (isBefore ? 1 : 0));
        else wanted.set(id, 0);
        const cardId = `card-${i}`;
        return record(payment({ atMs: clockMs - T0, id, cardId, key: cardId }), `payments-${i % 4}`);
      });
      const at = entry === 0 ? 40 : before.length;
      const again = entry === 1 ? sent.filter((_, i) => i % 37 === swap) : [];
      const records = [...before.slice(0, at), ...(entry === 0 ? [ruleOf(swap)] : []), ...before.slice(at), ...again];
      sent.push(...before);
      for (const { topic, value } of fold.fold(log.append({ clockMs, records })))
        if (topic === resultTopics.decisions) decisions.push(JSON.parse(Buffer.from(value).toString()) as Decision);
    }
  }
  expect(decisions).toHaveLength(swaps * paymentsPerSwap);
  expect(new Map(decisions.map(({ paymentId, score }) => [paymentId, score]))).toEqual(wanted);
  const scores = new Map<string, Set<number>>();
  for (const { ruleSetVersion, score } of decisions)
    scores.set(ruleSetVersion, (scores.get(ruleSetVersion) ?? new Set()).add(score));
  expect(scores.size).toBe(swaps + 1);
  for (const [version, ofVersion] of scores) expect(ofVersion.size, version).toBe(1);
  const { in: read = 0, duplicate = 0 } = fold.counters();
  expect(duplicate).toBeGreaterThan(2_000);
  expect(read - duplicate).toBe(swaps * paymentsPerSwap + swaps);
});
