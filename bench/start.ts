// How long `npm start` takes until there is something to see: from the start of the process to the banner, and to the first decision and
// window that a page is pushed, everything embedded, an empty folder.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { createLiveClient } from '../live/client.ts';
import { systemClock } from '../telemetry/clock.ts';
import { freePort } from '../tests/free-port.ts';
import { type BenchResult, rounded } from './meter.ts';
import { usageOfTree } from './process-tree.ts';

/** Its own figures are those of the median run; its event is the first result. */
export interface StartResult extends BenchResult {
  readonly bench: 'start';
  readonly runs: readonly StartRun[];
  /** Of the median run: process start to first result. Goal: at most 5. */
  readonly firstResultSeconds: number;
  /** The first result over the banner. */
  readonly ratios: { readonly firstResult: number };
  readonly isWithinGoal: boolean;
  readonly broker: 'embedded';
}

interface StartRun {
  readonly bannerSeconds: number;
  readonly firstDecisionSeconds: number;
  readonly firstWindowSeconds: number;
  /** Of the service and its children, until the first result. */
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

const goalSeconds = 5;
const timeoutMs = 120_000;
/** Between two tries to reach a server that is not there yet. */
const backOff = { firstMs: 20, maxMs: 50 };

export async function benchStart(args: readonly string[]): Promise<StartResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { runs: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } },
  });
  const runs: StartRun[] = [];
  for (let i = 0; i < Number(values.runs); i++) runs.push(await oneStart());
  const sorted = runs.toSorted((a, b) => firstOf(a) - firstOf(b));
  const median = sorted[Math.floor(sorted.length / 2)] as StartRun;
  const firstResultSeconds = firstOf(median);
  const { cpuSeconds, rssMb, bannerSeconds } = median;
  return {
    ...{ bench: 'start', broker: 'embedded', events: 1, wallSeconds: firstResultSeconds, cpuSeconds },
    ...{ eventsPerCpuSecond: rounded(1 / cpuSeconds), eventsPerCpuSecondSecondHalf: null, peakRssMb: rssMb },
    ...{ node: process.version, ratios: { firstResult: rounded(firstResultSeconds / bannerSeconds) } },
    ...{ runs, firstResultSeconds, isWithinGoal: firstResultSeconds <= goalSeconds },
  };
}

const firstOf = ({ firstDecisionSeconds, firstWindowSeconds }: StartRun): number =>
  Math.min(firstDecisionSeconds, firstWindowSeconds);

async function oneStart(): Promise<StartRun> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-start-'));
  const port = await freePort();
  const startedMs = performance.now();
  const seconds = (): number => rounded((performance.now() - startedMs) / 1_000, 3);
  const service = spawn(process.execPath, [fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url)), 'start'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: '16',
      MILLRACE_SERVER_PORT: String(port),
      MILLRACE_EMBEDDED_CLICKHOUSE_PORT: '0',
      MILLRACE_EMBEDDED_DATA_DIR: folder,
      MILLRACE_LOG_LEVEL: 'error',
    },
  });
  const gone = new Promise<never>((_, reject) =>
    service.once('exit', (code) => reject(new Error(`millrace ended with ${code}`))),
  );
  gone.catch(() => undefined);
  const banner = new Promise<number>((resolve) => service.stdout.once('data', () => resolve(seconds())));
  const client = createLiveClient({
    ...{ url: `ws://127.0.0.1:${port}/v1/live`, connect: (url: string) => new WebSocket(url), backOff },
    random: Math.random,
  });
  const first = (channel: string): Promise<number> =>
    new Promise((resolve) => {
      // The counts of decisions are there before any decision is.
      client.subscribe(channel, {}, ({ rows }) => {
        if (rows.some(({ id }) => id !== 'counts')) resolve(seconds());
      });
    });
  try {
    const all = Promise.all([banner, first('decisions'), first('windows:revenue')]);
    const late = systemClock.sleep(timeoutMs).then((): never => {
      throw new Error(`no result within ${timeoutMs} ms`);
    });
    late.catch(() => undefined);
    const [bannerSeconds, firstDecisionSeconds, firstWindowSeconds] = await Promise.race([all, gone, late]);
    const usage = [...(await usageOfTree(service.pid ?? 0)).values()];
    const cpuSeconds = rounded(usage.reduce((sum, one) => sum + one.cpuSeconds, 0));
    const rssMb = Math.round(usage.reduce((sum, one) => sum + one.rssBytes, 0) / 1e6);
    return { bannerSeconds, firstDecisionSeconds, firstWindowSeconds, cpuSeconds, rssMb };
  } finally {
    client.close();
    service.kill('SIGTERM');
    await gone.catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}
