import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../telemetry/clock.ts';

/** `millrace start` in a child process, as a user's supervisor would run it. */
export interface ServiceChild {
  /** kill -9, then a new start. Resolves when the new process is there, not when it is ready. */
  crash(): Promise<void>;
  /** SIGTERM; kill -9 when it takes longer than the drain may. */
  stop(): Promise<void>;
  /** Why it is gone, if nobody told it to go; null while all is well. */
  died(): string | null;
  /** What it said last, on stderr. */
  lastWords(): string;
  kills(): number;
}

const drainMs = 12_000;
const wordsMax = 30;

export function startServiceChild(env: Readonly<Record<string, string>>, clock: Clock): ServiceChild {
  const program = fileURLToPath(new URL('../../cli/millrace.mjs', import.meta.url));
  const words: string[] = [];
  let kills = 0;
  let isExpected = false;
  let death: string | null = null;
  let child: ChildProcess;
  let gone: Promise<void>;

  const start = (): void => {
    isExpected = false;
    const { PATH = '', HOME = '' } = process.env;
    // With a channel it ends when this process does, however that ends.
    const started = spawn(process.execPath, [program, 'start', '--no-demo'], {
      env: { PATH, HOME, UV_THREADPOOL_SIZE: '16', ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    started.stderr?.setEncoding('utf8').on('data', (text: string) => {
      words.push(...text.split('\n').filter(Boolean));
      words.splice(0, words.length - wordsMax);
    });
    gone = new Promise((resolve) =>
      started.once('exit', (code, signal) => {
        if (!isExpected) death = `the service ended by itself (${signal ?? `exit code ${code}`})`;
        resolve();
      }),
    );
    child = started;
  };
  start();
  return {
    crash: async () => {
      isExpected = true;
      child.kill('SIGKILL');
      await gone;
      kills += 1;
      start();
    },
    stop: async () => {
      isExpected = true;
      child.kill('SIGTERM');
      const waited = new AbortController();
      const isGone = await Promise.race([gone.then(() => true), clock.sleep(drainMs, waited.signal).then(() => false)]);
      waited.abort();
      if (isGone) return;
      child.kill('SIGKILL');
      await gone;
    },
    died: () => death,
    lastWords: () => words.join('\n'),
    kills: () => kills,
  };
}
