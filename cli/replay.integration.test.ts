import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedBroker, startEmbeddedBroker } from '../embedded/broker.ts';
import { openKafka } from '../kafka/open.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { describeUnless, requireKafkaDriver } from '../tests/requirements.ts';

const driver = 'node-rdkafka';

describeUnless([requireKafkaDriver(driver)], 'millrace replay', () => {
  let broker: EmbeddedBroker;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-replay-'));
    broker = await startEmbeddedBroker({ logger: silentLogger, driver, gate: { groups: [] } });
  });
  afterAll(async () => {
    await broker.stop();
    await rm(folder, { recursive: true });
  });

  const replay = (...args: readonly string[]) => {
    const program = fileURLToPath(new URL('./millrace.mjs', import.meta.url));
    const child = spawn(process.execPath, [program, 'replay', ...args], {
      env: { PATH: process.env['PATH'], MILLRACE_KAFKA_DRIVER: driver, MILLRACE_EMBEDDED_DATA_DIR: folder },
    });
    const text = { out: '', err: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk));
    return new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, ...text })),
    );
  };
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const header = 'TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD';

  test('sends a file through the gate, names its bad row, and prints the outcome as JSON', async () => {
    const rows = Array.from({ length: 1_200 }, (_, i) => `${i},2018-04-01T00:00:31,${i % 50},7,57.16,0`);
    rows[99] = '99,2018-04-01T00:00:31,1,7,a lot,0';
    const csv = await file('payments.csv', [header, ...rows, ''].join('\n'));
    const to = ['--topic', 'payments', '--brokers', broker.brokers, '--gate', broker.gateAddress];
    const { code, out, err } = await replay(...to, '--file', csv, '--map', 'handbook-payments', '--json');
    expect(err).toContain(':101: column TX_AMOUNT: is not a number');
    expect(JSON.parse(out)).toMatchObject({ rows: 1_200, sent: 1_199, bad: 1, isStopped: false });
    expect(code).toBe(0);

    const parts = { logger: silentLogger, metrics: createMetrics(), clock: systemClock };
    const kafka = await openKafka({ driver, brokers: broker.brokers, clientId: 'test', isEmbedded: true, ...parts });
    const reader = await kafka.reader();
    const bounds = await Promise.all([0, 1, 2, 3].map((partition) => reader.bounds({ topic: 'payments', partition })));
    expect(bounds.reduce((sum, { endOffset }) => sum + endOffset, 0n)).toBe(1_199n);
    await kafka.close();
  });

  test('says in one line what a new user got wrong', async () => {
    const csv = await file('rows.csv', `${header}\n`);
    const map = await file('broken.yaml', 'event: { type: payment, version: 2 }\nfields:\n  id: { colum: A }\n');
    const base = ['--topic', 'payments', '--brokers', broker.brokers];
    const outcomes = await Promise.all([
      replay(...base, '--file', '/nowhere.csv', '--map', 'handbook-payments'),
      replay(...base, '--file', csv, '--map', map),
      replay(...base, '--file', csv, '--map', 'sparkov-payments'),
      replay(...base, '--file', csv, '--map', 'handbook-payments', '--speed', 'fast'),
      replay('--topic', 'payments', '--file', csv, '--map', 'handbook-payments'),
      replay(...base, '--file', csv, '--map', 'handbook-payments', '--gate', '127.0.0.1:9'),
    ]);
    expect(outcomes.map(({ code }) => code)).toEqual([2, 78, 2, 2, 2, 2]);
    const texts = outcomes.map(({ err }) => err);
    expect(texts[0]).toBe('millrace: /nowhere.csv does not exist\n');
    expect(texts[1]).toContain('broken.yaml:3:7: fields.id: must be one of');
    expect(texts[2]).toContain('line 1 lacks the columns tx_id');
    expect(texts[3]).toContain('must be max or a number above 0');
    expect(texts[4]).toContain('no broker: none is configured');
    expect(texts[5]).toContain('no gate answers at 127.0.0.1:9');
  });
});
