// What a started millrace costs when little happens: CPU and resident memory of the service and its children together, after
// the caches are warm. Linux only: it reads /proc.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { systemClock } from '../telemetry/clock.ts';
import type { BenchResult } from './meter.ts';
import { usageOfTree } from './process-tree.ts';

/** Its own figures are those of all processes over the window; memory at its highest is that at the end. */
export interface IdleResult extends BenchResult {
  readonly bench: 'idle';
  readonly broker: 'embedded';
  readonly ratePerSecond: number;
  readonly afterSeconds: number;
  readonly windowSeconds: number;
  /** CPU of all processes over the window, in parts of one core. Goal: at most .6. */
  readonly coreShare: number;
  /** Resident memory of all processes at the end; pages that they share count for each. Goal: at most 1,200. */
  readonly rssMb: number;
  readonly processes: readonly { readonly name: string; readonly coreShare: number; readonly rssMb: number }[];
  /** Of the goals. */
  readonly ratios: { readonly coreShare: number; readonly rss: number };
  readonly isWithinGoal: boolean;
  readonly cores: number;
}

const goal = { coreShare: 0.6, rssMb: 1_200 };

/** Starts everything embedded with the demo shop, waits, measures, ends it. */
export async function benchIdle(args: readonly string[]): Promise<IdleResult> {
  const { seconds, windowSeconds, rate, say } = options(args);
  const folder = await mkdtemp(join(tmpdir(), 'millrace-idle-'));
  const service = spawn(process.execPath, [fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url)), 'start'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      UV_THREADPOOL_SIZE: '16',
      MILLRACE_SERVER_PORT: '0',
      MILLRACE_EMBEDDED_CLICKHOUSE_PORT: '0',
      MILLRACE_EMBEDDED_DATA_DIR: folder,
      MILLRACE_GENERATOR_RATE_PER_SECOND: String(rate),
      MILLRACE_LOG_LEVEL: 'error',
    },
  });
  const gone = new Promise<void>((resolve) => service.once('exit', () => resolve()));
  try {
    await Promise.race([systemClock.sleep(Math.max(1, seconds - windowSeconds) * 1_000), gone]);
    const before = await measure(service.pid);
    say(`${before.size} processes; measuring for ${windowSeconds} s`);
    await Promise.race([systemClock.sleep(windowSeconds * 1_000), gone]);
    const after = await measure(service.pid);
    const processes = Array.from(after, ([pid, { name, cpuSeconds, rssBytes }]) => ({
      name,
      coreShare: round((cpuSeconds - (before.get(pid)?.cpuSeconds ?? 0)) / windowSeconds),
      rssMb: Math.round(rssBytes / 1e6),
    }));
    const coreShare = round(processes.reduce((sum, one) => sum + one.coreShare, 0));
    const cpuSeconds = round(coreShare * windowSeconds);
    const rssMb = processes.reduce((sum, one) => sum + one.rssMb, 0);
    return {
      ...{ bench: 'idle', broker: 'embedded', events: rate * windowSeconds, wallSeconds: windowSeconds, cpuSeconds },
      ...{ eventsPerCpuSecond: Math.round((rate * windowSeconds) / cpuSeconds), eventsPerCpuSecondSecondHalf: null },
      ...{ peakRssMb: rssMb, ratios: { coreShare: round(coreShare / goal.coreShare), rss: round(rssMb / goal.rssMb) } },
      ...{ ratePerSecond: rate, afterSeconds: seconds, windowSeconds, coreShare, rssMb, processes },
      isWithinGoal: coreShare <= goal.coreShare && rssMb <= goal.rssMb,
      ...{ node: process.version, cores: cpus().length },
    };
  } finally {
    service.kill('SIGTERM');
    await gone;
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(pid: number | undefined) {
  const usage = pid === undefined ? new Map<never, never>() : await usageOfTree(pid);
  if (usage.size === 0) throw new Error('millrace is not running, or this machine has no /proc');
  return usage;
}

function options(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '300' },
      'window-s': { type: 'string', default: '60' },
      rate: { type: 'string', default: '200' },
      json: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  const windowSeconds = Number(values['window-s']);
  const rate = Number(values.rate);
  if (!(seconds > windowSeconds && windowSeconds >= 1 && rate >= 1))
    throw new Error('--seconds must be more than --window-s, which must be 1 at least');
  const say = (line: string) => void (values.json || process.stderr.write(`${line}\n`));
  return { seconds, windowSeconds, rate, say };
}

const round = (value: number): number => Math.round(value * 1_000) / 1_000;
