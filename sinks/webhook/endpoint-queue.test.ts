import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AlertTransition, DeliveryAttempt } from '../../events/decisions.ts';
import type { Answer } from './answer.ts';
import { EndpointQueue, type EndpointQueueOptions, type Sending } from './endpoint-queue.ts';
import type { Message } from './message.ts';

const none = (): number => 0;
const ok: Answer = { kind: 'delivered', status: 200 };
const gone: Answer = { kind: 'gone', status: 410 };
const down = (retryAfterMs: number | null = null): Answer => ({
  ...{ kind: 'failed', status: 503, detail: 'HTTP 503', retryAfterMs },
});

const newQueue = (changes: Partial<EndpointQueueOptions> = {}): EndpointQueue =>
  new EndpointQueue({
    endpoint: 'ops',
    transitions: ['raised', 'updated', 'retracted', 'resolved'],
    ...{ pendingMax: 100, deadMax: 100, inFlightMax: 4 },
    ...changes,
  });

const message = (alertId: string, revision: number, transition: AlertTransition = 'raised'): Message => ({
  webhookId: `msg_${alertId}_${revision}`,
  alertKey: `fraud 1 ${alertId}`,
  ...{ alertId, transition, revision: BigInt(revision), clockMs: revision },
  body: () => `${alertId} ${revision}`,
});

const said = (records: readonly DeliveryAttempt[]) =>
  records.map(({ webhookId, attempt, outcome }) => `${webhookId} ${attempt} ${outcome}`);
const ids = (sendings: readonly Sending[]) =>
  sendings.map((sending) => `${sending.message.webhookId} ${sending.attempt}`);

/** The one that is started now. */
function startOne(queue: EndpointQueue, nowMs: number): Sending {
  const [sending, ...others] = queue.start(nowMs);
  if (!sending || others.length > 0) throw new Error(`${others.length} others`);
  return sending;
}

describe('one delivery', () => {
  test('[H8] a receiver that is down for five minutes has it once it is up, by the schedule', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    let nowMs = 0;
    const attempts = [];
    for (const answer of [down(), down(), ok]) {
      attempts.push([nowMs, ...said(queue.answered(startOne(queue, nowMs), answer, nowMs, none))]);
      nowMs = queue.nextDueMs();
    }
    expect(attempts).toEqual([
      [0, 'msg_a_1 1 failed'],
      [5_000, 'msg_a_1 2 failed'],
      [305_000, 'msg_a_1 3 delivered'],
    ]);
    expect(queue.status()).toMatchObject({ pending: 0, dead: 0 });
    expect(nowMs).toBe(Infinity);
  });

  test('[H8] after the tenth attempt it is dead, and can be sent again by hand', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    let nowMs = 0;
    let records: readonly DeliveryAttempt[] = [];
    for (let i = 0; i < 10; i++) {
      expect(records[0]?.nextAtMs ?? 0).toBe(nowMs);
      records = queue.answered(startOne(queue, nowMs), down(), nowMs, none);
      nowMs = Math.min(queue.nextDueMs(), 1e12);
    }
    expect(records).toMatchObject([{ attempt: 10, outcome: 'dead', status: 503, nextAtMs: null }]);
    expect(queue.start(1e12)).toEqual([]);
    expect(queue.dead(10)).toMatchObject([{ webhookId: 'msg_a_1', attempts: 10, detail: 'HTTP 503' }]);

    expect(queue.resend('msg_b_1', 1e12)).toBe('unknown');
    expect(queue.resend('msg_a_1', 1e12)).toBe('queued');
    expect(queue.resend('msg_a_1', 1e12)).toBe('not_dead');
    expect(said(queue.answered(startOne(queue, 1e12), down(), 1e12, none))).toEqual(['msg_a_1 11 dead']);
    expect(queue.resend('msg_a_1', 1e12)).toBe('queued');
    expect(said(queue.answered(startOne(queue, 1e12), ok, 1e12, none))).toEqual(['msg_a_1 12 delivered']);
    expect(queue.status()).toMatchObject({ pending: 0, dead: 0 });
  });

  test('[H8] Retry-After holds the whole endpoint back', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    queue.answered(startOne(queue, 0), down(60_000), 0, none);
    queue.take(message('b', 2), 1_000);
    expect(queue.start(59_999)).toEqual([]);
    expect(queue.nextDueMs()).toBe(60_000);
    expect(ids(queue.start(60_000))).toEqual(['msg_a_1 2', 'msg_b_2 1']);
  });

  test('[H8] 410 disables the endpoint: what waits and what comes is kept, and goes out once it is enabled', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    expect(said(queue.answered(startOne(queue, 0), gone, 0, none))).toEqual(['msg_a_1 1 disabled']);
    queue.take(message('b', 2), 1);
    expect([queue.start(1e12), queue.nextDueMs()]).toEqual([[], Infinity]);
    expect(queue.status()).toMatchObject({ isDisabled: true, pending: 2 });
    queue.setDisabled(false);
    expect(ids(queue.start(2))).toEqual(['msg_a_1 2', 'msg_b_2 1']);
  });
});

describe('several transitions of one alert', () => {
  test('a newer one replaces one that waits, and starts its own schedule', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    queue.answered(startOne(queue, 0), down(), 0, none);
    expect(said(queue.take(message('a', 2, 'updated'), 100))).toEqual(['msg_a_1 2 replaced']);
    expect(ids(queue.start(100))).toEqual(['msg_a_2 1']);
  });

  test('while one is under way the next waits, and of several only the newest', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    const first = startOne(queue, 0);
    queue.take(message('a', 2, 'updated'), 1);
    expect(said(queue.take(message('a', 3, 'resolved'), 2))).toEqual(['msg_a_2 1 replaced']);
    expect(queue.start(3)).toEqual([]);
    expect(said(queue.answered(first, ok, 4, none))).toEqual(['msg_a_1 1 delivered']);
    expect(ids(queue.start(4))).toEqual(['msg_a_3 1']);
  });

  test('one that fails while a newer one waits is replaced', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    const first = startOne(queue, 0);
    queue.take(message('a', 2, 'resolved'), 1);
    expect(said(queue.answered(first, down(), 2, none))).toEqual(['msg_a_1 1 failed', 'msg_a_1 2 replaced']);
    expect(ids(queue.start(2))).toEqual(['msg_a_2 1']);
  });

  test('one that is dead is replaced too', () => {
    const queue = newQueue({ pendingMax: 1 });
    queue.take(message('b', 1), 0);
    expect(said(queue.take(message('a', 2), 0))).toEqual(['msg_a_2 1 dead']);
    queue.answered(startOne(queue, 0), ok, 0, none);
    expect(said(queue.take(message('a', 3, 'resolved'), 1))).toEqual(['msg_a_2 2 replaced']);
    expect(ids(queue.start(1))).toEqual(['msg_a_3 1']);
    expect(queue.status()).toMatchObject({ pending: 1, dead: 0 });
  });

  test('what is not newer, or not wanted, changes nothing', () => {
    const queue = newQueue({ transitions: ['raised', 'resolved'] });
    queue.take(message('a', 2), 0);
    expect(queue.take(message('a', 2), 0)).toEqual([]);
    expect(queue.take(message('a', 1), 0)).toEqual([]);
    expect(queue.take(message('a', 3, 'updated'), 0)).toEqual([]);
    expect(ids(queue.start(0))).toEqual(['msg_a_2 1']);
  });
});

describe('bounds', () => {
  test('more than pendingMax are dead at once, of the dead the oldest is forgotten, and both are told', () => {
    const queue = newQueue({ pendingMax: 3, deadMax: 2, inFlightMax: 2 });
    const records = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap((alertId, i) => queue.take(message(alertId, i + 1), 0));
    expect(said(records)).toEqual(['msg_d_4 1 dead', 'msg_e_5 1 dead', 'msg_f_6 1 dead']);
    expect(queue.status()).toMatchObject({ pending: 3, dead: 2, deadForgotten: 1 });
    expect(queue.dead(10).map(({ webhookId }) => webhookId)).toEqual(['msg_f_6', 'msg_e_5']);
    expect(queue.resend('msg_e_5', 0)).toBe('full');
    expect(queue.start(0)).toHaveLength(2);
    expect(queue.start(0)).toHaveLength(0);
  });
});

describe('a receiver that may be absent', () => {
  const absent: Answer = { kind: 'absent', pauseMs: 1_000 };

  test('that nobody listens is no record and no attempt; all of it waits for the pause', () => {
    const queue = newQueue({ whenFull: 'forget-oldest' });
    queue.take(message('a', 1), 0);
    expect(queue.answered(startOne(queue, 0), absent, 0, none)).toEqual([]);
    queue.take(message('b', 2), 10);
    expect([queue.start(999), queue.nextDueMs()]).toEqual([[], 1_000]);
    expect(ids(queue.start(1_000))).toEqual(['msg_a_1 1', 'msg_b_2 1']);
  });

  test('a newer transition that came meanwhile takes the place', () => {
    const queue = newQueue({ whenFull: 'forget-oldest' });
    queue.take(message('a', 1), 0);
    const first = startOne(queue, 0);
    queue.take(message('a', 2, 'resolved'), 1);
    expect(queue.answered(first, absent, 2, none)).toEqual([]);
    expect(ids(queue.start(1_002))).toEqual(['msg_a_2 1']);
  });

  test('of what waits only the newest are kept, without a record', () => {
    const queue = newQueue({ whenFull: 'forget-oldest', pendingMax: 2 });
    for (const [i, alertId] of ['a', 'b', 'c', 'd'].entries())
      expect(queue.take(message(alertId, i + 1), 0)).toEqual([]);
    expect(ids(queue.start(0))).toEqual(['msg_c_3 1', 'msg_d_4 1']);
    expect(queue.status()).toMatchObject({ pending: 2, dead: 0 });
  });
});

describe('after a crash', () => {
  /** Newest record of each transition. */
  const lastOf = (records: readonly DeliveryAttempt[]) => new Map(records.map((record) => [record.webhookId, record]));

  test('[D7][H9] at any point the records restore the same queue: nothing is lost, what was delivered is not sent again', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('take' as const), alert: fc.constantFrom('a', 'b', 'c', 'd') }),
      fc.record({ kind: fc.constant('start' as const), afterMs: fc.integer({ min: 0, max: 400_000 }) }),
      fc.record({ kind: fc.constant('answer' as const), answer: fc.constantFrom<Answer>(ok, down(), down(60_000)) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const options = { pendingMax: 3, deadMax: 10, inFlightMax: 2 };
        const queue = newQueue(options);
        const taken: Message[] = [];
        const records: DeliveryAttempt[] = [];
        const underWay: Sending[] = [];
        let nowMs = 0;
        for (const each of steps) {
          if (each.kind === 'take') {
            taken.push(message(each.alert, taken.length + 1));
            records.push(...queue.take(taken.at(-1) as Message, nowMs));
          } else if (each.kind === 'start') {
            nowMs += each.afterMs;
            underWay.push(...queue.start(nowMs));
          } else {
            const sending = underWay.shift();
            if (sending) records.push(...queue.answered(sending, each.answer, nowMs, none));
          }
        }
        const last = lastOf(records);
        const delivered = new Set(records.filter((one) => one.outcome === 'delivered').map((one) => one.webhookId));
        const again = newQueue(options);
        const late = taken.flatMap((one) => again.restore(one, last.get(one.webhookId) ?? null, nowMs));
        // Identity (webhookId, endpoint, attempt): no record is made twice with another meaning, but for one whose attempt was under way.
        for (const record of late) expect(record.outcome).toMatch(/replaced|dead/);
        // Every alert's newest transition was delivered, or waits, or is dead.
        const waiting = new Set<string>(again.dead(100).map(({ webhookId }) => webhookId));
        again.setDisabled(false);
        for (let sendings = again.start(1e12); sendings.length > 0; sendings = again.start(1e12))
          for (const sending of sendings) {
            waiting.add(sending.message.webhookId);
            expect(delivered.has(sending.message.webhookId)).toBe(false);
            again.answered(sending, ok, 1e12, none);
          }
        for (const alert of ['a', 'b', 'c', 'd']) {
          const newest = taken.findLast(({ alertId }) => alertId === alert);
          if (newest) expect(delivered.has(newest.webhookId) || waiting.has(newest.webhookId)).toBe(true);
        }
        for (const id of waiting)
          expect(taken.findLast(({ alertId }) => id.includes(`_${alertId}_`))?.webhookId).toBe(id);
      }),
      { numRuns: 500 },
    );
  });

  test('[H8] one that waits goes on where its schedule was', () => {
    const queue = newQueue();
    queue.take(message('a', 1), 0);
    const [record] = queue.answered(startOne(queue, 0), down(), 0, none);
    const again = newQueue();
    again.restore(message('a', 1), record as DeliveryAttempt, 1_000);
    expect(again.start(4_999)).toEqual([]);
    expect(ids(again.start(5_000))).toEqual(['msg_a_1 2']);
  });
});
