import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../telemetry/clock.ts';

/** What the processing service says of itself, 20 times a second. */
export interface CrashStatus {
  readonly isOwner: boolean;
  /** The shards that it owns. */
  readonly owned: readonly number[];
  /** It follows a task of another one. */
  readonly isStandby: boolean;
  /** From being given its task to its first new result acknowledged; null: not yet. */
  readonly takeoverMs: number | null;
  /** Records folded since the beginning of all, as its state has it. */
  readonly folded: number;
  /** Why its task is parked, or null. */
  readonly parked: string | null;
  /** Of each service of the process: its state, and what it says of it. */
  readonly services: readonly string[];
  /** The most memory that it ever had (resident). */
  readonly rssPeakBytes: number;
}

/** The processing service in a child process; killed and started again as often as wanted. */
export interface ServiceProcess {
  /** What it said last; null before it did, and once it is gone. */
  status(): CrashStatus | null;
  isRunning(): boolean;
  /** kill -9, or another signal; resolves when it is gone. */
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Starts it again. With a failpoint (`name:n`) it kills itself there. */
  start(failpoint?: string): void;
  /** Resolves when it is gone, whoever ended it. */
  gone(): Promise<void>;
  /** The last lines of its log, and how its services are. */
  lastWords(): string;
}

const wordsMax = 40;
const drainMs = 15_000;

/** Starts nothing yet. It ends with this process. */
export function createServiceProcess(env: Readonly<Record<string, string>>): ServiceProcess {
  const words: string[] = [];
  let child: ChildProcess | null = null;
  let gone: Promise<void> = Promise.resolve();
  let status: CrashStatus | null = null;
  return {
    status: () => status,
    isRunning: () => child !== null,
    signal: (signal) => void child?.kill(signal),
    async kill(signal = 'SIGKILL') {
      child?.kill(signal);
      const late = new AbortController();
      const isGone = await Promise.race([
        gone.then(() => true),
        systemClock.sleep(drainMs, late.signal).then(() => false),
      ]);
      late.abort();
      if (!isGone) child?.kill('SIGKILL');
      await gone;
    },
    start(failpoint) {
      const { PATH = '', HOME = '' } = process.env;
      const started = fork(fileURLToPath(new URL('crash-service.ts', import.meta.url)), [], {
        execArgv: ['--import', 'tsx'],
        env: { PATH, HOME, UV_THREADPOOL_SIZE: '16', ...env, ...(failpoint && { MILLRACE_FAILPOINT: failpoint }) },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      status = null;
      child = started;
      started.on('message', (said: CrashStatus) => (status = said));
      started.stderr?.setEncoding('utf8').on('data', (text: string) => {
        words.push(...text.split('\n').filter(Boolean));
        words.splice(0, words.length - wordsMax);
      });
      gone = once(started, 'exit').then(() => {
        if (child === started) child = status = null;
      });
    },
    gone: () => gone,
    lastWords: () => [...words, ...(status?.services ?? [])].join('\n'),
  };
}
