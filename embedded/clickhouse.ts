import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ChildMessage } from './clickhouse-child.ts';

export interface EmbeddedClickHouseOptions {
  /** Kept between starts; one process at a time. */
  readonly dataDir: string;
  /** What the role `millrace_sql` may read; millrace unless told. */
  readonly database?: string;
  /** 0: any free one, kept over restarts. */
  readonly port: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly startTimeoutMs?: number;
}

export interface EmbeddedClickHouse {
  /** For `createClient({ url })`, curl and any tool that speaks ClickHouse's HTTP interface. Good over restarts. */
  readonly url: string;
  /** The child's process id; null while it is down. */
  pid(): number | null;
  restarts(): number;
  /** Calls back after every restart, once it answers again. */
  onRestart(callback: () => void): void;
  /** Lets running statements end (up to `timeoutMs`, 5 s unless told), then ends the child. */
  stop(timeoutMs?: number): Promise<void>;
}

/** `port_busy`, `data_dir_in_use`, `not_started`: what an operator reads, one line. */
export class EmbeddedClickHouseError extends Error {
  readonly code: 'port_busy' | 'data_dir_in_use' | 'not_started';
  constructor(code: EmbeddedClickHouseError['code'], message: string) {
    super(message);
    this.name = 'EmbeddedClickHouseError';
    this.code = code;
  }
}

const backOffMs = { first: 200, max: 10_000 } as const;
const healthyAfterMs = 30_000;

/**
 * Starts the embedded ClickHouse in a child process and keeps it running: when it dies it is started again on the same port,
 * at once and then with back-off. Rejects with an `EmbeddedClickHouseError` when the first start fails. The child ends when
 * this process does, however that ends.
 */
export async function startEmbeddedClickHouse(options: EmbeddedClickHouseOptions): Promise<EmbeddedClickHouse> {
  const { logger, clock } = options;
  const stopping = new AbortController();
  const listeners: (() => void)[] = [];
  let restarts = 0;
  const first = await startChild(options, options.port);
  const { port } = first;
  let { child } = first;
  logger.info({ port, pid: child.pid }, 'embedded ClickHouse is up');

  const watch = async (): Promise<void> => {
    let waitMs = 0;
    while (!stopping.signal.aborted) {
      const sinceMs = clock.nowMs();
      const ended = await ending(child);
      if (stopping.signal.aborted) return;
      logger.warn({ ended }, 'embedded ClickHouse died, starting it again');
      if (clock.nowMs() - sinceMs > healthyAfterMs) waitMs = 0;
      const next = await restart(waitMs);
      if (!next) return;
      child = next;
      waitMs = Math.min(Math.max(backOffMs.first, waitMs * 2), backOffMs.max);
      restarts += 1;
      logger.info({ port, pid: child.pid }, 'embedded ClickHouse is up again');
      for (const listener of listeners) listener();
    }
  };
  const restart = async (firstWaitMs: number): Promise<ChildProcess | null> => {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(Math.max(backOffMs.first, waitMs * 2), backOffMs.max)) {
      await clock.sleep(waitMs, stopping.signal);
      if (stopping.signal.aborted) return null;
      try {
        const started = await startChild(options, port);
        if (!stopping.signal.aborted) return started.child;
        started.child.kill('SIGKILL');
        return null;
      } catch (error) {
        logger.error(
          { err: error instanceof Error ? error.message : String(error) },
          'embedded ClickHouse did not start, trying again',
        );
      }
    }
  };
  const watching = watch();
  return {
    url: `http://127.0.0.1:${port}`,
    pid: () => (isAlive(child) ? (child.pid ?? null) : null),
    restarts: () => restarts,
    onRestart: (callback) => void listeners.push(callback),
    stop: async (timeoutMs = 5_000) => {
      stopping.abort();
      await stopChild(child, timeoutMs, clock);
      await watching;
    },
  };
}

async function startChild(
  options: EmbeddedClickHouseOptions,
  port: number,
): Promise<{ child: ChildProcess; port: number }> {
  const child = spawnChild(resolve(options.dataDir), port, options.database ?? 'millrace');
  const said: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < 20) said.push(text.slice(0, 2_000));
    options.logger.debug({ text: text.slice(0, 2_000) }, 'embedded ClickHouse says');
  });
  const timer = AbortSignal.timeout(options.startTimeoutMs ?? 60_000);
  try {
    return { child, port: await listening(child, port, timer) };
  } catch (error) {
    if (isAlive(child)) child.kill('SIGKILL');
    await ending(child);
    throw explain(error, options.dataDir, port, said.join(''));
  }
}

/** The engine's allocator (jemalloc) otherwise keeps an arena for each few of its hundreds of threads, each with memory that it has used once. */
const mallocConf = 'narenas:2,dirty_decay_ms:500,muzzy_decay_ms:0';

/** With a clean environment: what the engine can read of ours, SQL could. UTC, so that no default depends on the machine. */
function spawnChild(dataDir: string, port: number, database: string): ChildProcess {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const { PATH, HOME, TMPDIR } = process.env;
  return fork(fileURLToPath(new URL('./clickhouse-child.ts', import.meta.url)), [dataDir, String(port), database], {
    execArgv: ['--import', tsx],
    env: {
      TZ: 'UTC',
      UV_THREADPOOL_SIZE: '24',
      JE_MALLOC_CONF: mallocConf,
      ...(PATH && { PATH }),
      ...(HOME && { HOME }),
      ...(TMPDIR && { TMPDIR }),
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

function listening(child: ChildProcess, port: number, timer: AbortSignal): Promise<number> {
  return new Promise((done, failed) => {
    timer.addEventListener('abort', () => failed(new Error('it did not answer in time')), { once: true });
    child.once('error', failed);
    child.once('exit', (code, signal) => failed(new Error(`it ended with ${signal ?? `exit code ${code}`}`)));
    child.on('message', (message: ChildMessage) => {
      if (message.kind === 'listening') return done(message.port);
      failed(message.reason === 'port_busy' ? portBusy(port) : new Error(message.message));
    });
  });
}

const portBusy = (port: number): EmbeddedClickHouseError =>
  new EmbeddedClickHouseError(
    'port_busy',
    `port ${port} is busy: another program listens there; choose another port for the embedded ClickHouse`,
  );

function explain(error: unknown, dataDir: string, port: number, said: string): EmbeddedClickHouseError {
  if (error instanceof EmbeddedClickHouseError) return error;
  if (/Cannot lock file .*status/.test(said))
    return new EmbeddedClickHouseError(
      'data_dir_in_use',
      `the data folder ${dataDir} is in use by another process: stop it, or choose another folder`,
    );
  const why = /DB::\w*Exception: [^\n]*/.exec(said)?.[0] ?? (error instanceof Error ? error.message : String(error));
  return new EmbeddedClickHouseError(
    'not_started',
    `the embedded ClickHouse did not start on port ${port}, folder ${dataDir}: ${why}`,
  );
}

async function stopChild(child: ChildProcess, timeoutMs: number, clock: Clock): Promise<void> {
  if (!isAlive(child)) return;
  const ended = ending(child);
  child.send('stop', () => {});
  const waited = new AbortController();
  await Promise.race([ended, clock.sleep(timeoutMs, waited.signal)]);
  waited.abort();
  if (isAlive(child)) child.kill('SIGKILL');
  await ended;
}

function ending(child: ChildProcess): Promise<string> {
  const say = (): string => String(child.signalCode ?? child.exitCode);
  return new Promise((done) => {
    if (!isAlive(child)) return done(say());
    child.once('exit', () => done(say()));
  });
}

const isAlive = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;
