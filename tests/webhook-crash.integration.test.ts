import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readEmbeddedAddress } from '../cli/embedded-address.ts';
import { startReceiver, testSecret, type Receiver } from '../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../telemetry/clock.ts';
import { decide } from './decide.ts';
import { eventually as eventuallyWithin } from './eventually.ts';
import { freePort } from './free-port.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from './requirements.ts';

// A process that delivers is killed between send and record: the receiver has the answer given when it dies.
const program = fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url));
const kills = 4;

describeUnless([requireKafkaDriver('node-rdkafka'), requireChdb()], 'webhooks of a process that is killed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-webhook-'));
  let receiver: Receiver;
  let main: ChildProcess;
  let deliverer: ChildProcess;
  let url = '';
  let clickhouseUrl = '';
  let delivererEnv: NodeJS.ProcessEnv = {};

  beforeAll(async () => {
    receiver = await startReceiver();
    const [port, clickhousePort] = [await freePort(), await freePort()];
    [url, clickhouseUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${clickhousePort}`];
    const shared = { ...process.env, UV_THREADPOOL_SIZE: '16', MILLRACE_LOG_LEVEL: 'error' };
    const mainEnv = {
      ...shared,
      MILLRACE_SERVER_PORT: String(port),
      MILLRACE_EMBEDDED_CLICKHOUSE_PORT: String(clickhousePort),
      MILLRACE_EMBEDDED_DATA_DIR: join(folder, 'main'),
      MILLRACE_WEBHOOKS_TERMINAL: 'off',
    };
    main = start(['--no-demo', '--only', 'http,rules,fraud,clickhouse'], mainEnv);
    await eventually('ready', async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200);
    const address = readEmbeddedAddress(join(folder, 'main'));
    if (!address) throw new Error('the start left no address');
    delivererEnv = {
      ...shared,
      MILLRACE_KAFKA_BROKERS: address.brokers,
      MILLRACE_KAFKA_GATE: address.gate,
      MILLRACE_CLICKHOUSE_URL: clickhouseUrl,
      MILLRACE_EMBEDDED_DATA_DIR: join(folder, 'deliverer'),
      MILLRACE_WEBHOOKS_ENDPOINTS: JSON.stringify([
        { name: 'ops', url: receiver.url, secretRefs: ['env:HOOK_SECRET'], allowAddresses: ['127.0.0.1'] },
      ]),
      HOOK_SECRET: testSecret,
    };
    deliverer = start(['--no-demo', '--only', 'webhook'], delivererEnv);
    const added = `SELECT count() FROM millrace.endpoint_notes WHERE note = 'added'`;
    await eventually('the endpoint was added', async () => (await sql(added)) === '1');
  }, 300_000);

  afterAll(async () => {
    for (const child of [deliverer, main]) await stop(child, 'SIGTERM');
    await receiver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const sql = async (query: string): Promise<string> =>
    (await (await fetch(clickhouseUrl, { method: 'POST', body: query })).text()).trim();
  let payments = 0;
  const pay = async (cardId: string): Promise<void> => {
    const id = `p-${++payments}`;
    await decide(url, {
      ...{ id, type: 'payment', version: 2, source: 'test', eventTimeMs: systemClock.nowMs(), key: cardId },
      ...{ amountMinor: 150, currency: 'EUR', cardId },
    });
  };

  test('[D7][H9] each transition has one id and one content, is delivered in the end, and nothing that was recorded is sent again', async () => {
    await eventually(
      'rules in force',
      async () => (await sql(`SELECT count() FROM millrace.events WHERE topic = 'millrace.rules'`)) !== '0',
    );
    for (let round = 0; round < kills; round++) {
      const before = receiver.received.length;
      receiver.onRequest = async () => {
        receiver.onRequest = null;
        await stop(deliverer, 'SIGKILL');
      };
      for (let i = 0; i < 5; i++) await pay(`card-${round}`);
      await eventually('a webhook', async () => receiver.received.length > before && deliverer.signalCode !== null);
      deliverer = start(['--no-demo', '--only', 'webhook'], delivererEnv);
      const lost = receiver.received[before];
      const again = () => receiver.received.slice(before + 1).filter(({ id }) => id === lost?.id);
      await eventually('sent again', async () => again().length > 0);
      const recorded = `SELECT count() FROM millrace.deliveries_final WHERE webhook_id = '${lost?.id}' AND outcome = 'delivered' AND attempt = 1`;
      await eventually('recorded', async () => (await sql(recorded)) === '1');
      expect(again().map(({ body }) => body)).toEqual([lost?.body]);
    }
    const ids = new Set(receiver.received.map(({ id }) => id));
    expect(receiver.received).toHaveLength(ids.size + kills);
    const told = 'SELECT webhook_id FROM millrace.alert_webhooks ORDER BY webhook_id FORMAT TSV';
    await expect.poll(async () => (await sql(told)).split('\n')).toEqual([...ids].toSorted());
  }, 600_000);
});

function start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, [program, 'start', ...args], { env, stdio: 'ignore' });
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

const eventually = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
  eventuallyWithin(what, isSo, { withinMs: 180_000, everyMs: 100 });
