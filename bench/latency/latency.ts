// From when a payment is due until its decision is on the topic, its alert at a webhook's receiver, and in a frame of a browser: everything
// that `npm start` runs, in an open loop at half and at four fifths of the rate that it sustains.
import { spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readEmbeddedAddress } from '../../cli/embedded-address.ts';
import { type Receiver, startReceiver, testSecret } from '../../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { freePort } from '../../tests/free-port.ts';
import { type BenchBroker, startBroker } from '../broker.ts';
import { runMeasured } from '../measured-process.ts';
import { percentiles } from '../meter.ts';
import type { LatencyLoad, LoadDone } from './load.ts';
import { alertCategory, alertMark, dueOf } from './marks.ts';
import { type WatchedPage, watchAlerts } from './page.ts';

type Percentiles = ReturnType<typeof percentiles>;

/** At one rate. */
export interface AtRate {
  readonly perSecond: number;
  readonly sent: number;
  readonly decided: number;
  readonly decision: Percentiles;
  readonly webhook: Percentiles;
  readonly browser: Percentiles;
}

export interface LatencyResult extends Omit<AtRate, 'perSecond' | 'sent' | 'decided'> {
  readonly bench: 'latency';
  readonly broker: string;
  /** Decisions a second while payments come as fast as they are decided, all services running. */
  readonly sustainedPerSecond: number;
  readonly half: AtRate;
  readonly fourFifths: AtRate;
  /** p99 at half the rate: 20 ms to the topic, 50 ms to the webhook, 100 ms to the browser. */
  readonly isWithinGoal: boolean;
  readonly node: string;
}

const goalMs = { decision: 20, webhook: 50, browser: 100 };
const alertsPerSecond = 5;
const warmUpSeconds = 5;
const readyMs = 120_000;

export async function benchLatency(args: readonly string[]): Promise<LatencyResult> {
  const { seconds, sustained, say } = optionsOf(args);
  const service = await startService();
  const page = await watchAlerts(service.url).catch(async (error: unknown) => {
    await service.stop();
    throw error;
  });
  try {
    const at = (load: Pick<LatencyLoad, 'mode' | 'perSecond' | 'phase'>, of: number): Promise<LoadDone> => {
      const { brokers, isEmbedded } = service;
      const setup: LatencyLoad = { ...load, brokers, isEmbedded, seconds: of, warmUpSeconds, alertsPerSecond };
      return runMeasured<LoadDone>({ file: 'latency/load.ts', setup });
    };
    await at({ mode: 'steady', perSecond: 50, phase: 'warm' }, 10);
    const flooded = sustained ?? (await at({ mode: 'flood', perSecond: 0, phase: 'flood' }, 15)).decidedPerSecond;
    say(`sustains ${Math.round(flooded)} payments a second`);
    const steady = async (share: number, phase: string): Promise<AtRate> => {
      // What the flood has left behind is worked off.
      await systemClock.sleep(10_000);
      const perSecond = Math.max(10, Math.round(flooded * share));
      const { decision, sent, decided } = await at({ mode: 'steady', perSecond, phase }, seconds);
      await systemClock.sleep(1_000);
      return { perSecond, sent, decided, decision, ...(await heard(service.receiver, page, service.hookTimes, phase)) };
    };
    const half = await steady(0.5, 'half');
    const fourFifths = await steady(0.8, 'most');
    const { decision, webhook, browser } = half;
    const isWithinGoal =
      decision.p99Ms <= goalMs.decision && webhook.p99Ms <= goalMs.webhook && browser.p99Ms <= goalMs.browser;
    return {
      ...{ bench: 'latency', broker: service.name, decision, webhook, browser },
      ...{ sustainedPerSecond: Math.round(flooded), half, fourFifths, isWithinGoal, node: process.version },
    };
  } finally {
    await page.close();
    await service.stop();
  }
}

/** What receiver and page have seen of one phase, after its warm-up. */
async function heard(
  receiver: Receiver,
  page: WatchedPage,
  hookTimes: readonly number[],
  phase: string,
): Promise<{ readonly webhook: Percentiles; readonly browser: Percentiles }> {
  const hooks = receiver.received.map(({ body, transition }, i) => {
    const { data } = JSON.parse(body) as { readonly data: { readonly entityId: string } };
    return [transition === 'raised' ? data.entityId : '', hookTimes[i] ?? Number.NaN] as const;
  });
  const latencies = (shown: readonly (readonly [string, number])[]): readonly number[] => {
    const due = shown.flatMap(([id, atMs]) => {
      const dueMs = dueOf(id, phase);
      return dueMs === null ? [] : [{ dueMs, atMs }];
    });
    const fromMs = Math.min(...due.map(({ dueMs }) => dueMs)) + warmUpSeconds * 1_000;
    return due.filter(({ dueMs }) => dueMs >= fromMs).map(({ dueMs, atMs }) => atMs - dueMs);
  };
  return { webhook: percentiles(latencies(hooks)), browser: percentiles(latencies(await page.shown())) };
}

interface Started extends Pick<BenchBroker, 'brokers' | 'name' | 'isEmbedded'> {
  readonly url: string;
  readonly receiver: Receiver;
  /** When each of `receiver.received` came. */
  readonly hookTimes: readonly number[];
  stop(): Promise<void>;
}

async function startService(): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-latency-'));
  const rulesDir = join(folder, 'rules');
  await cp(fileURLToPath(new URL('../../config/rules', import.meta.url)), rulesDir, { recursive: true });
  const expression = `payment.category == "${alertCategory}"`;
  const rule = { expression, weight: 100, reason: 'the benchmark asks for it', severity: 'high', isOn: true };
  await writeFile(join(rulesDir, `${alertMark}.yaml`), JSON.stringify(rule));
  const hookTimes: number[] = [];
  const receiver = await startReceiver();
  receiver.onRequest = () => void hookTimes.push(Date.now());
  const started = await startBroker();
  if (started.isEmbedded) await started.stop();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../cli/millrace.mjs', import.meta.url)), 'start', '--no-demo'],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        ...{ UV_THREADPOOL_SIZE: '16', MILLRACE_SERVER_PORT: String(port), MILLRACE_EMBEDDED_CLICKHOUSE_PORT: '0' },
        ...{ MILLRACE_EMBEDDED_DATA_DIR: folder, MILLRACE_LOG_LEVEL: 'error', MILLRACE_WEBHOOKS_TERMINAL: 'off' },
        MILLRACE_PIPELINES_FRAUD_RULES_DIR: rulesDir,
        MILLRACE_WEBHOOKS_ENDPOINTS: JSON.stringify([
          { name: 'bench', url: receiver.url, secretRefs: ['env:HOOK_SECRET'], allowAddresses: ['127.0.0.1'] },
        ]),
        HOOK_SECRET: testSecret,
        ...(!started.isEmbedded && { MILLRACE_KAFKA_BROKERS: started.brokers }),
      },
    },
  );
  const stop = async (): Promise<void> => {
    await ended(child);
    await receiver.close();
    if (!started.isEmbedded) await started.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(url, child);
  } catch (error) {
    await stop();
    throw error;
  }
  const brokers = started.isEmbedded ? (readEmbeddedAddress(folder)?.brokers ?? '') : started.brokers;
  return { ...started, brokers, url, receiver, hookTimes, stop };
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

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '35' },
      sustained: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const say = values.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
  const sustained = values.sustained === undefined ? null : Number(values.sustained);
  return { seconds: Number(values.seconds), sustained, say };
}
