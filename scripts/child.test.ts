import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'millrace-child-'));
afterAll(() => rmSync(folder, { recursive: true }));

function program(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** A process that runs `script` through runChild, and what it and its child print. */
function runner(script: string, options = '{}') {
  const module = JSON.stringify(new URL('./child.mjs', import.meta.url).href);
  const text = `import { runChild } from ${module};\nprocess.exitCode = await runChild([${JSON.stringify(script)}], ${options});\n`;
  const child = spawn(process.execPath, [program(`runner-${Math.floor(performance.now() * 1000)}.mjs`, text)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  return { child, output: () => output, seen: (what: string) => seen(child, () => output, what) };
}

async function seen(child: ChildProcess, output: () => string, what: string): Promise<void> {
  while (!output().includes(what)) {
    if (!child.stdout || child.exitCode !== null) throw new Error(`ended before "${what}": ${output()}`);
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  }
}

test('the exit code is passed on', async () => {
  const { child } = runner(program('seven.mjs', 'process.exit(7);'));
  expect(await once(child, 'exit')).toEqual([7, null]);
});

test('a death by signal becomes 128 and its number', async () => {
  const { child } = runner(program('killed.mjs', "process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);"));
  expect(await once(child, 'exit')).toEqual([137, null]);
});

test('the same Ctrl-C from terminal and npm reaches the child once, a later one again', async () => {
  const counting = `let n = 0;
    process.on('SIGINT', () => { n += 1; console.log('signal ' + n + ' at ' + performance.now()); if (n === 2) setTimeout(() => process.exit(3), 300); });
    setInterval(() => {}, 1000); console.log('ready');`;
  const { child, output, seen: hasSeen } = runner(program('counting.mjs', counting));
  await hasSeen('ready');
  const timer = setInterval(() => child.kill('SIGINT'), 20);
  await hasSeen('signal 2');
  clearInterval(timer);
  const [code] = await once(child, 'exit');
  expect(code).toBe(3);
  const [first = 0, second = 0] = [...output().matchAll(/signal \d at (\S+)/g)].map((match) => Number(match[1]));
  // 700 ms, and what a busy machine took longer to hand over the first; without it 20 ms.
  expect(second - first).toBeGreaterThan(250);
});

test('what the child leaves running in its group is ended', async () => {
  const leaving = `import { spawn } from 'node:child_process';
    const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    left.unref(); console.log('left ' + left.pid); process.exit(0);`;
  const { child, output } = runner(program('leaving.mjs', leaving));
  await once(child, 'close');
  const pid = Number(/left (\d+)/.exec(output())?.[1]);
  await expect.poll(() => isRunning(pid)).toBe(false);
});

test('a child with a channel notices when we are killed', async () => {
  const noticing = `console.log('ready ' + process.pid); process.once('disconnect', () => process.exit(0)); setInterval(() => {}, 1000);`;
  const { child, output, seen: hasSeen } = runner(program('noticing.mjs', noticing), '{ channel: true }');
  await hasSeen('ready');
  child.kill('SIGKILL');
  const pid = Number(/ready (\d+)/.exec(output())?.[1]);
  await expect.poll(() => isRunning(pid)).toBe(false);
});

/** Zombies count as ended: nobody waits for an orphan in some containers. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(statusOf(pid));
  } catch {
    return false;
  }
}

function statusOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8');
}
