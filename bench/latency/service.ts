// millrace as an operator starts it, beside a broker, with one webhook endpoint and a rule that raises the alerts that are measured.
import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEmbeddedAddress } from '../../cli/embedded-address.ts';
import { type Receiver, startReceiver, testSecret } from '../../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { freePort } from '../../tests/free-port.ts';
import { type BenchBroker, smallBroker, startBroker } from '../broker.ts';
import { alertCategory, alertMark } from './marks.ts';

/** `one`: all services, as `npm start` has them. `apart`: decisions, edges, and the rest in processes of their own, as docker-compose.yml has it. */
export type Processes = 'one' | 'apart';

export interface LatencyService extends Pick<BenchBroker, 'brokers' | 'name' | 'isEmbedded'> {
  readonly processes: Processes;
  /** Of the process that has the page. */
  readonly url: string;
  /** The processes that it was started as. */
  readonly pids: readonly (number | undefined)[];
  /** Of all processes, for what they say of their lag. */
  readonly urls: readonly string[];
  readonly receiver: Receiver;
  /** When each of `receiver.received` came. */
  readonly hookTimes: readonly number[];
  stop(): Promise<void>;
}

const readyMs = 120_000;
/** In the order in which they start: the first has the embedded ClickHouse, the last the page. */
const servicesOf: Readonly<Record<Processes, readonly (string | null)[]>> = {
  one: [null],
  apart: ['http,clickhouse,revenue,recommendations,predictions', 'http,rules,fraud', 'http,webhook,websocket'],
};

/** Resolves when all of it is ready. */
export async function startService(wanted: Processes): Promise<LatencyService> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-latency-'));
  const hookTimes: number[] = [];
  const receiver = await startReceiver();
  receiver.onRequest = () => void hookTimes.push(Date.now());
  const started = await startBroker(smallBroker);
  if (started.isEmbedded) await started.stop();
  // The embedded broker is within one process.
  const processes = started.isEmbedded ? 'one' : wanted;
  const env = await environment(folder, receiver, started);
  const clickhousePort = await freePort();
  const urls: string[] = [];
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children.toReversed()) await ended(child);
    await receiver.close();
    if (!started.isEmbedded) await started.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const [i, only] of servicesOf[processes].entries()) {
      const port = await freePort();
      const clickhouse =
        i === 0
          ? { MILLRACE_EMBEDDED_CLICKHOUSE_PORT: String(clickhousePort) }
          : { MILLRACE_CLICKHOUSE_URL: `http://127.0.0.1:${clickhousePort}` };
      const child = startOne(only, { ...env, ...clickhouse, MILLRACE_SERVER_PORT: String(port) });
      children.push(child);
      urls.push(`http://127.0.0.1:${port}`);
      await ready(urls[i] as string, child);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const brokers = started.isEmbedded ? (readEmbeddedAddress(folder)?.brokers ?? '') : started.brokers;
  const { name, isEmbedded } = started;
  const pids = children.map(({ pid }) => pid);
  return { name, isEmbedded, processes, brokers, pids, urls, url: urls.at(-1) as string, receiver, hookTimes, stop };
}

async function environment(folder: string, receiver: Receiver, broker: BenchBroker) {
  const rulesDir = join(folder, 'rules');
  await cp(fileURLToPath(new URL('../../config/rules', import.meta.url)), rulesDir, { recursive: true });
  const expression = `payment.category == "${alertCategory}"`;
  const rule = { expression, weight: 100, reason: 'the benchmark asks for it', severity: 'high', isOn: true };
  await writeFile(join(rulesDir, `${alertMark}.yaml`), JSON.stringify(rule));
  return {
    ...{ UV_THREADPOOL_SIZE: '16', MILLRACE_EMBEDDED_DATA_DIR: folder, MILLRACE_LOG_LEVEL: 'error' },
    ...{ MILLRACE_WEBHOOKS_TERMINAL: 'off', MILLRACE_PIPELINES_FRAUD_RULES_DIR: rulesDir },
    MILLRACE_WEBHOOKS_ENDPOINTS: JSON.stringify([
      { name: 'bench', url: receiver.url, secretRefs: ['env:HOOK_SECRET'], allowAddresses: ['127.0.0.1'] },
    ]),
    HOOK_SECRET: testSecret,
    ...(!broker.isEmbedded && { MILLRACE_KAFKA_BROKERS: broker.brokers }),
  };
}

function startOne(only: string | null, env: Readonly<Record<string, string>>): ChildProcess {
  const millrace = fileURLToPath(new URL('../../cli/millrace.mjs', import.meta.url));
  const which = only === null ? ['--no-demo'] : ['--only', only];
  return spawn(process.execPath, [millrace, 'start', ...which], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  const lateMs = Date.now() + readyMs;
  while ((await fetch(`${url}/readyz`).catch(() => null))?.status !== 200) {
    if (child.exitCode !== null || Date.now() > lateMs)
      throw new Error(`millrace did not get ready (${child.exitCode})`);
    await systemClock.sleep(200);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}
