import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { Kafka, KafkaDriver } from '../kafka/contract.ts';
import { openKafka } from '../kafka/open.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { describeUnless, requireKafkaDriver } from '../tests/requirements.ts';
import { startEmbeddedBroker, type EmbeddedBroker } from './broker.ts';
import { connectGate } from './gate-client.ts';

const driver: KafkaDriver = 'node-rdkafka';
const tp = { topic: 'payments', partition: 0 };
const groups = [
  { groupId: 'task', topics: ['payments'] },
  { groupId: 'archive', topics: ['payments'] },
];

describeUnless([requireKafkaDriver(driver)], 'the embedded broker', () => {
  const brokers: EmbeddedBroker[] = [];
  const clients: Kafka[] = [];
  const start = async (bytesMax?: number): Promise<EmbeddedBroker> => {
    const gate = { groups, ...(bytesMax === undefined ? {} : { bytesMax }) };
    const broker = await startEmbeddedBroker({ driver, logger: silentLogger, gate });
    brokers.push(broker);
    return broker;
  };
  const open = async (broker: EmbeddedBroker): Promise<Kafka> => {
    const kafka = await openKafka({
      driver,
      brokers: broker.brokers,
      clientId: 'test',
      logger: silentLogger,
      metrics: createMetrics(),
      clock: systemClock,
      isEmbedded: true,
    });
    clients.push(kafka);
    return kafka;
  };
  const readAll = async (kafka: Kafka, nextOffset: bigint): Promise<void> => {
    for (const { groupId } of groups) {
      const member = await kafka.membership({ groupId, topics: ['payments'], kind: 'solo' });
      await member.start({ assigned: () => {}, revoked: () => {}, failed: () => {} });
      await member.commit([{ ...tp, nextOffset }]);
      await member.close();
    }
  };

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((kafka) => kafka.close()));
    await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
  });
  afterAll(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
  });

  test('makes producers wait while a configured group, running or not, has too much left to read', async () => {
    const broker = await start(100_000);
    const kafka = await open(broker);
    const gate = await connectGate(broker.gateAddress);
    const producer = await kafka.producer({ gate });
    await producer.partitionCount('payments');
    const messages = Array.from({ length: 1_000 }, () => ({ ...tp, key: null, value: Buffer.alloc(900) }));
    let isSent = false;
    const sending = producer.send(messages).then(() => (isSent = true));
    const reader = await kafka.reader();
    await until(async () => producer.isGated(tp) && (await reader.bounds(tp)).endOffset > 90n);
    const { endOffset } = await reader.bounds(tp);
    expect(endOffset).toBeLessThanOrEqual(100n);
    expect([isSent, producer.isGated(tp)]).toEqual([false, true]);
    while (!isSent) {
      await readAll(kafka, (await reader.bounds(tp)).endOffset);
      await Promise.race([sending, systemClock.sleep(20)]);
    }
    expect(await reader.bounds(tp)).toEqual({ lowOffset: 0n, endOffset: 1_000n });
    expect(await producer.send([{ ...tp, topic: 'unread', key: null, value: Buffer.alloc(200_000) }])).toHaveLength(1);
    await gate.close();
  });

  test('gets back the credit of a killed producer once what it may have produced is read', async () => {
    const broker = await start(100_000);
    const kafka = await open(broker);
    const produced = await killOnceFull(broker);
    expect(produced).toBeGreaterThan(0);
    const gate = await connectGate(broker.gateAddress);
    const producer = await kafka.producer({ gate });
    let isSent = false;
    const sending = producer.send([{ ...tp, key: null, value: Buffer.alloc(90_000) }]).then(() => (isSent = true));
    await until(() => producer.isGated(tp));
    await systemClock.sleep(600); // its credit is not simply given up
    expect(isSent).toBe(false);
    const reader = await kafka.reader();
    await readAll(kafka, (await reader.bounds(tp)).endOffset);
    await sending;
    await gate.close();
  });

  test('ends when told, says so when it dies by itself, and ignores an interrupt', async () => {
    const broker = await start();
    process.kill(broker.pid, 'SIGINT');
    process.kill(broker.pid, 'SIGTERM');
    const kafka = await open(broker);
    const producer = await kafka.producer();
    expect(await producer.partitionCount('payments')).toBe(4);
    const ended = new Promise((resolve) => broker.onExit(resolve));
    process.kill(broker.pid, 'SIGKILL');
    expect(await ended).toEqual({ code: null, signal: 'SIGKILL' });
    const other = await start();
    let wasCalled = false;
    other.onExit(() => (wasCalled = true));
    await other.stop();
    expect(wasCalled).toBe(false);
    expect(() => process.kill(other.pid, 0)).toThrow('ESRCH');
  });
});

async function killOnceFull(broker: EmbeddedBroker): Promise<number> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const script = fileURLToPath(new URL('./broker-victim.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', tsx, script, driver, broker.brokers, broker.gateAddress], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { produced } = await new Promise<{ produced: number }>((resolve, reject) => {
    child.once('message', (message) => resolve(message as { produced: number }));
    child.once('exit', () => reject(new Error('the victim ended by itself')));
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
  return produced;
}

const withinMs = 60_000;

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.nowMs() + withinMs;
  while (!(await holds())) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`not within ${withinMs} ms`);
    await systemClock.sleep(10);
  }
}
