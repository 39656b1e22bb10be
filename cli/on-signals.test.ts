import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { exitCodes } from './options.ts';

const module = JSON.stringify(new URL('./on-signals.ts', import.meta.url).href);
/** Holds a thread of libuv's for ever, as a native client in its library does: nobody writes to the standard input. */
const hang = 'read(0, Buffer.alloc(1), 0, 1, null, () => {});';
const never = 'new Promise(() => {})';

let child: ChildProcess | undefined;
afterEach(() => void child?.kill('SIGKILL'));

interface Drain {
  /** What `drain` gives. */
  readonly drain: string;
  readonly drainMaxMs?: number;
  /** Run first. */
  readonly before?: string;
}

/** A process that is told to end by SIGTERM and drains by `drain`: `ended` gives its code, or what killed it. */
async function draining({ drain, drainMaxMs = 600_000, before = '' }: Drain) {
  const options = `{ drain: () => (console.log('draining'), ${drain}), drainMaxMs: ${drainMaxMs}, say: console.log }`;
  const script = `import { read } from 'node:fs';
    import { onSignals } from ${module};
    ${before}
    onSignals(${options});
    setInterval(() => {}, 1_000);
    console.log('ready');`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const runner = spawn(process.execPath, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 150_000,
    killSignal: 'SIGQUIT',
  });
  child = runner;
  let said = '';
  runner.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  let ending: readonly unknown[] | undefined;
  const ended = once(runner, 'close').then((how: readonly unknown[]) => (ending = how));
  const hasSaid = async (what: string): Promise<void> => {
    while (!said.includes(what)) {
      if (ending) throw new Error(`it ended, and said ${said}`);
      await Promise.race([once(runner.stdout, 'data'), ended]);
    }
  };
  await hasSaid('ready');
  runner.kill('SIGTERM');
  return { ended, hasSaid, said: () => said, signal: (name: NodeJS.Signals) => runner.kill(name) };
}

test('a drain that takes longer than it may ends by SIGKILL, though a thread hangs, and says so', async () => {
  const { ended, said } = await draining({ drain: never, drainMaxMs: 200, before: hang });
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(said()).toContain('not drained within 0.2 s');
});

test('a second signal ends a drain at once, though a thread hangs', async () => {
  const { ended, hasSaid, said, signal } = await draining({ drain: never, before: hang });
  await hasSaid('draining');
  signal('SIGINT');
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(said()).toBe('ready\ndraining\n');
});

test('a drain that leaves a client behind ends by SIGKILL', async () => {
  const { ended } = await draining({ drain: 'Promise.resolve(true)', before: hang });
  expect(await ended).toEqual([null, 'SIGKILL']);
});

test('a drain that leaves nothing behind ends with 0, one that fails says why and does not', async () => {
  expect(await (await draining({ drain: 'Promise.resolve(false)' })).ended).toEqual([exitCodes.ok, null]);
  const failing = await draining({ drain: "Promise.reject(new Error('no disk'))" });
  expect(await failing.ended).toEqual([exitCodes.failed, null]);
  expect(failing.said()).toBe('ready\ndraining\nno disk\n');
});
