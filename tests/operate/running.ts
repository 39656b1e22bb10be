import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChildProcess } from 'node:child_process';
import { testSecret } from '../../sinks/webhook/webhook-suite.ts';
import { eventually as eventuallyWithin } from '../eventually.ts';
import { freePort } from '../free-port.ts';

// A `millrace start` of its own, embedded, for a test that operates it from outside: what it is started with, asked, and ended by.
export const program = fileURLToPath(new URL('../../cli/millrace.mjs', import.meta.url));
export const startArgs = ['start', '--no-demo', '--only', 'http,rules,revenue,fraud,webhook,clickhouse'];

/** Where it will answer, and the environment for that; webhooks go to `hookUrl`. */
export async function runningAt(folder: string, hookUrl: string) {
  const [port, clickhousePort] = [await freePort(), await freePort()];
  const sql = async (query: string): Promise<string> =>
    (await (await fetch(`http://127.0.0.1:${clickhousePort}`, { method: 'POST', body: query })).text()).trim();
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    UV_THREADPOOL_SIZE: '16',
    MILLRACE_LOG_LEVEL: 'error',
    MILLRACE_SERVER_PORT: String(port),
    MILLRACE_EMBEDDED_CLICKHOUSE_PORT: String(clickhousePort),
    MILLRACE_EMBEDDED_DATA_DIR: folder,
    MILLRACE_WEBHOOKS_TERMINAL: 'off',
    MILLRACE_WEBHOOKS_ENDPOINTS: JSON.stringify([
      { name: 'ops', url: hookUrl, secretRefs: ['env:HOOK_SECRET'], allowAddresses: ['127.0.0.1'] },
    ]),
    HOOK_SECRET: testSecret,
  };
  return { url: `http://127.0.0.1:${port}`, sql, env };
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** Who cannot be asked yet is asked again; throws after three minutes. */
export const eventually = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
  eventuallyWithin(what, () => isSo().catch(() => false), { withinMs: 180_000, everyMs: 200 });
