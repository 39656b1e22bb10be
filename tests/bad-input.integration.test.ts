import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEmbeddedAddress } from '../cli/embedded-address.ts';
import { connectGate } from '../embedded/gate-client.ts';
import type { Kafka, ProduceGate } from '../kafka/contract.ts';
import { openKafka } from '../kafka/open.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from './requirements.ts';

// What a new user, or a broken producer, does to a running millrace: nothing of it may cost a good event.
const program = fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url));
const reasons = [requireKafkaDriver('node-rdkafka'), requireChdb()];

describeUnless(reasons, 'a started millrace and bad input', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bad-input-'));
  let service: ChildProcess;
  let kafka: Kafka;
  let gate: ProduceGate;
  let clickhouse: ClickHouseClient;

  beforeAll(async () => {
    service = spawn(process.execPath, [program, 'start', '--no-demo'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        ...process.env,
        UV_THREADPOOL_SIZE: '16',
        MILLRACE_KAFKA_DRIVER: 'node-rdkafka',
        MILLRACE_SERVER_PORT: '0',
        MILLRACE_EMBEDDED_CLICKHOUSE_PORT: '0',
        MILLRACE_EMBEDDED_DATA_DIR: folder,
        MILLRACE_LOG_LEVEL: 'error',
      },
    });
    const url = await clickhouseUrl(service);
    clickhouse = createClient({ url });
    const address = readEmbeddedAddress(folder);
    if (!address) throw new Error('the start left no address');
    const shared = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };
    kafka = await openKafka({
      ...{ driver: 'node-rdkafka', brokers: address.brokers, clientId: 'bad-input', isEmbedded: true },
      ...shared,
    });
    gate = await connectGate(address.gate);
  });

  afterAll(async () => {
    await kafka?.close();
    await gate?.close();
    await clickhouse?.close();
    const ended = new Promise((resolve) => service.once('exit', resolve));
    service.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  const count = async (query: string): Promise<readonly (readonly string[])[]> => {
    const answer = await clickhouse.query({ query, format: 'JSONCompactStringsEachRow' });
    return answer.json<string[]>();
  };

  test('[A4] [A6] 1,000 malformed events become 1,000 dead letters, and the 1,000 good ones between them count', async () => {
    const now = systemClock.nowMs();
    const value = (i: number): string => {
      const event = { type: 'payment', version: 2, source: 'bad-input', eventTimeMs: now, key: 'k', cardId: 'c' };
      const good = { ...event, id: `good-${i}`, amountMinor: 100, currency: 'EUR', country: 'IS' };
      if (i % 2 === 0) return JSON.stringify(good);
      return i % 4 === 1 ? `{"id":"cut-${i}"` : JSON.stringify({ ...good, amountMinor: 'a lot' });
    };
    const producer = await kafka.producer({ gate });
    const sent = await producer.send(
      Array.from({ length: 2_000 }, (_, i) => ({
        ...{ topic: 'payments', partition: i % 4, key: Buffer.from('k'), value: Buffer.from(value(i)) },
      })),
    );
    const letters = `SELECT reason, count(), uniqExact(topic, partition, offset) FROM millrace.dead_letters_final WHERE pipeline = 'revenue' GROUP BY reason ORDER BY reason`;
    await expect
      .poll(() => count(letters))
      .toEqual([
        ['invalid', '500', '500'],
        ['undecodable', '500', '500'],
      ]);
    const rows = `SELECT sum(count), sum(sum_minor) FROM millrace.revenue_final WHERE output = 'country_1m' AND key = 'IS/EUR'`;
    await expect.poll(() => count(rows)).toEqual([['1000', '100000']]);
    const bad = sent[3];
    const kept = await count(
      `SELECT reason, field_path, value FROM millrace.dead_letters_final WHERE pipeline = 'revenue' AND topic = 'payments'
       AND partition = ${bad?.partition} AND offset = ${bad?.messageOffset}`,
    );
    expect(kept).toEqual([['invalid', '/amountMinor', value(3)]]);
  });
});

async function clickhouseUrl(service: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of service.stdout ?? []) {
    text += String(chunk);
    const found = /SQL\s+curl '(http:\/\/[^/]+)/.exec(text)?.[1];
    if (found) return found;
  }
  throw new Error(`millrace ended before it said where its ClickHouse is: ${text}`);
}
