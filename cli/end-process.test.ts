import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

const module = JSON.stringify(new URL('./end-process.ts', import.meta.url).href);

/** How a process ends that runs `text` and then `endProcess(7, isAnyStuck)`; nothing is ever written to its standard input. */
async function endOf(isAnyStuck: boolean, text = ''): Promise<readonly unknown[]> {
  const script = `import { endProcess } from ${module};\n${text}\nsetTimeout(() => endProcess(7, ${isAnyStuck}), 100);`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  return once(spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'inherit'], timeout: 150_000 }), 'exit');
}

/** Holds a thread of libuv's for ever, as a native client in its library does. */
const hang = "import { read } from 'node:fs';\nread(0, Buffer.alloc(1), 0, 1, null, () => {});";

test('a process with a thread that hangs in a library ends by SIGKILL', async () => {
  expect(await endOf(true, hang)).toEqual([null, 'SIGKILL']);
});

test('a process in which nothing hangs ends with its code', async () => {
  expect(await endOf(false)).toEqual([7, null]);
});
