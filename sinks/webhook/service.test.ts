import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Alert } from '../../events/decisions.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { freePort } from '../../tests/free-port.ts';
import { testAlert } from '../clickhouse/testbed-insights-suite.ts';
import { messageOf } from './message.ts';
import type { WebhookService } from './service.ts';
import { createWorld, endpointTo, startReceiver, type Receiver, type World } from './webhook-suite.ts';

let world: World;
let receiver: Receiver;
const services = new Set<WebhookService>();
beforeEach(async () => {
  world = createWorld();
  receiver = await startReceiver();
});
afterEach(async () => {
  for (const service of services) await service.drain();
  services.clear();
  await receiver.close();
});

/** Later than any endpoint that a test adds. */
const clockMs = systemClock.nowMs() + 86_400_000;
const alert = (alertId: string, orderOffset: number, changes: Partial<Alert> = {}): Alert =>
  testAlert(orderOffset, { alertId, clockMs, ...changes });
const run = async (...endpoints: Parameters<World['run']>[0][number][]) => {
  const started = await world.run(endpoints.length > 0 ? endpoints : [endpointTo(receiver.url)]);
  services.add(started.service);
  return started;
};
const told = () => receiver.received.map(({ alertId, transition }) => `${alertId} ${transition}`);
const outcomes = () =>
  world
    .records()
    .flatMap((record) => (record.kind === 'delivery' ? [`${record.alertId} ${record.attempt} ${record.outcome}`] : []));
const until = (isSo: () => void) => vi.waitFor(isSo, { timeout: 60_000, interval: 20 });

describe('delivering', () => {
  test('[H7][H9] each transition arrives once, in the order of its alert, signed, under the id of its position; attempts are events', async () => {
    const { service } = await run();
    const transitions = [alert('a', 1), alert('b', 2), alert('a', 3, { transition: 'resolved', hits: 12 })];
    world.publish(transitions[0] as Alert, transitions[1] as Alert);
    await until(() => expect(told().toSorted()).toEqual(['a raised', 'b raised']));
    world.publish(transitions[2] as Alert);
    await until(() => expect(told()).toHaveLength(3));
    expect(receiver.received.map(({ id }) => id).toSorted()).toEqual(
      transitions.map((one) => messageOf(one).webhookId).toSorted(),
    );
    await until(() => expect(outcomes().toSorted()).toEqual(['a 1 delivered', 'a 1 delivered', 'b 1 delivered']));
    await until(() =>
      expect(service.status()).toMatchObject({
        state: 'running',
        endpoints: [{ name: 'ops', delivered: 3, pending: 0 }],
      }),
    );
  });

  test('an endpoint is told of what it asked for, and of nothing that was decided before it was added', async () => {
    world.publish(alert('old', 1, { clockMs: 1 }));
    const quiet = endpointTo(receiver.url, { transitions: ['raised'], severityMin: 'high', pipelines: ['fraud'] });
    await run(quiet);
    world.publish(alert('low', 2, { severity: 'medium' }), alert('other', 3, { pipeline: 'predictions' }));
    world.publish(alert('a', 4, { transition: 'updated' }), alert('b', 5));
    await until(() => expect(told()).toEqual(['b raised']));
  });

  test('an endpoint is told of what was decided before anything could be delivered, once it is noted', async () => {
    world.add(endpointTo(receiver.url));
    world.pass(60_000);
    world.publish(alert('a', 1, { clockMs: systemClock.nowMs() }));
    await run();
    await until(() => expect(told()).toEqual(['a raised']));
  });

  test('[A10] what a restarted or deposed task publishes again is not sent again', async () => {
    await run();
    const published = [alert('a', 1), alert('b', 2), alert('c', 3)];
    world.publish(...published);
    await until(() => expect(told()).toHaveLength(3));
    world.publish(...published, alert('d', 4));
    await until(() => expect(told()).toHaveLength(4));
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(4);
  });

  test('[H10] 10,000 hits of a card in a minute are what its alert tells: few updates and a summary', async () => {
    await run();
    const hits = [alert('a', 1)];
    for (let i = 1; i <= 10_000; i++)
      if (i % 5_000 === 0) hits.push(alert('a', i + 1, { transition: 'updated', hits: i }));
    hits.push(alert('a', 20_000, { transition: 'resolved', hits: 10_000 }));
    world.publish(...hits);
    await until(() => expect(receiver.received.at(-1)?.transition).toBe('resolved'));
    expect(JSON.parse(receiver.received.at(-1)?.body ?? '')).toMatchObject({ data: { hits: 10_000 } });
    expect(receiver.received.length).toBeLessThanOrEqual(4);
  });

  test('[H10] an alert that a later fact takes back says so', async () => {
    await run();
    world.publish(alert('a', 1));
    await until(() => expect(told()).toEqual(['a raised']));
    world.publish(alert('a', 2, { transition: 'retracted', hits: 0 }));
    await until(() => expect(told()).toEqual(['a raised', 'a retracted']));
  });
});

describe('an endpoint in trouble', () => {
  test('[H8] 503 for five minutes, then 200: delivered by the schedule, and nobody else waits', async () => {
    const other = await startReceiver();
    receiver.onRequest = () => 503;
    await run(endpointTo(receiver.url), endpointTo(other.url, { name: 'other' }));
    world.publish(alert('a', 1));
    await until(() => expect(outcomes()).toContain('a 1 failed'));
    await until(() => expect(other.received).toHaveLength(1));
    world.pass(5_000);
    await until(() => expect(outcomes()).toContain('a 2 failed'));
    receiver.onRequest = null;
    world.pass(5 * 60_000);
    await until(() => expect(outcomes()).toContain('a 3 delivered'));
    expect(new Set(receiver.received.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
    await other.close();
  });

  test('[H8] what is given up is on the dead list, over a restart too, and is sent again by hand', async () => {
    receiver.onRequest = () => 500;
    const first = await run();
    world.publish(alert('a', 1));
    for (let attempt = 1; attempt <= 10; attempt++) {
      await until(() => expect(outcomes()).toHaveLength(attempt));
      world.pass(24 * 3_600_000);
    }
    await until(() => expect(outcomes()).toContain('a 10 dead'));
    await until(() => expect(first.service.status().endpoints[0]).toMatchObject({ dead: 1, pending: 0 }));
    await first.service.drain();
    world.store();
    receiver.onRequest = null;
    const { service } = await run();
    await until(() => expect(service.status().endpoints[0]).toMatchObject({ dead: 1 }));
    world.say({ endpoint: 'ops', note: 'resend', webhookId: '' });
    await until(() => expect(outcomes()).toContain('a 11 delivered'));
    expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  });

  test('[H8] 410 disables it, also after a restart, until it is enabled', async () => {
    receiver.onRequest = () => 410;
    const first = await run();
    world.publish(alert('a', 1));
    await until(() => expect(first.service.status().endpoints[0]).toMatchObject({ isDisabled: true, pending: 1 }));
    expect(first.service.status().detail).toContain('ops answered 410');
    await until(() => expect(outcomes()).toEqual(['a 1 disabled']));
    first.kill();
    receiver.onRequest = null;
    const { service } = await run();
    world.publish(alert('b', 2));
    await until(() => expect(service.status().endpoints[0]).toMatchObject({ isDisabled: true, pending: 2 }));
    expect(receiver.received).toHaveLength(1);
    world.pass(1);
    world.say({ endpoint: 'ops', note: 'enabled', webhookId: '' });
    await until(() => expect(told().slice(1).toSorted()).toEqual(['a raised', 'b raised']));
    await until(() => expect(service.status().endpoints[0]).toMatchObject({ isDisabled: false }));
  });

  test('nobody at a terminal is no failure: the newest few wait for whoever comes', async () => {
    const port = await freePort();
    await run(
      endpointTo(`http://127.0.0.1:${port}/`, { name: 'terminal', isTerminal: true, pendingMax: 3, inFlightMax: 1 }),
    );
    world.publish(...['a', 'b', 'c', 'd', 'e'].map((alertId, i) => alert(alertId, i + 1)));
    await systemClock.sleep(200);
    expect(outcomes()).toEqual([]);
    await receiver.close();
    receiver = await startReceiver({ port });
    world.pass(10_000);
    await until(() => expect(told()).toHaveLength(3));
    await until(() => expect(outcomes()).toHaveLength(3));
    for (const outcome of outcomes()) expect(outcome).toMatch(/^[a-e] 1 delivered$/);
  });
});

describe('after a crash', () => {
  test('[D7][H9] between send and record: the receiver has it twice, under one id, with the same bytes', async () => {
    const first = await run();
    receiver.onRequest = () => {
      first.kill();
    };
    world.publish(alert('a', 1));
    await until(() => expect(told()).toEqual(['a raised']));
    receiver.onRequest = null;
    expect(outcomes()).toEqual([]);
    await run();
    await until(() => expect(outcomes()).toEqual(['a 1 delivered']));
    expect(told()).toEqual(['a raised', 'a raised']);
    expect(new Set(receiver.received.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
  });

  test.each([0, 1, 2, 3])(
    '[D7] killed again and again, the store %i steps behind: every alert ends told, no id has two contents, what was recorded is not sent again',
    async (behind) => {
      const kinds = ['raised', 'updated', 'resolved'] as const;
      const published: Alert[] = [];
      let running = await run();
      for (let round = 0; round < 6; round++) {
        let answers = 0;
        const { kill } = running;
        receiver.onRequest = () => {
          if (++answers === 3 + round) kill();
          return answers % 4 === 3 ? 503 : 200;
        };
        for (let i = 0; i < 8; i++) {
          const one = alert(`a${(round + i) % 12}`, published.length + 1, {
            transition: kinds[(round + i) % 3] as 'raised',
          });
          published.push(one);
          world.publish(one);
        }
        if (round % 4 >= behind) world.store();
        await until(() => expect(answers).toBeGreaterThan(2 + round));
        receiver.onRequest = null;
        running = await run();
      }
      world.pass(10_000);
      const newest = new Map(published.map((one) => [one.alertId, messageOf(one).webhookId]));
      await until(() => {
        const recorded = world
          .records()
          .flatMap((one) => (one.kind === 'delivery' && one.outcome === 'delivered' ? [one.webhookId] : []));
        for (const id of newest.values()) expect(recorded).toContain(id);
        expect(new Set(recorded).size).toBe(recorded.length);
      });
      const contents = new Map<string, string>();
      for (const { id, body } of receiver.received) {
        expect(contents.get(id) ?? body).toBe(body);
        contents.set(id, body);
      }
      // Of one alert, no older transition comes after a newer one was delivered.
      const placeOf = new Map(published.map((one, i) => [messageOf(one).webhookId, i]));
      const seen = new Map<string, number>();
      for (const { id, alertId } of receiver.received) {
        const place = placeOf.get(id) ?? -1;
        expect(place).toBeGreaterThanOrEqual(seen.get(alertId) ?? -1);
        seen.set(alertId, place);
      }
    },
    300_000,
  );
});
