import { readdirSync, readFileSync } from 'node:fs';
import { afterAll } from 'vitest';

/**
 * Runs around every test file: a child process that a file leaves behind is named and ended, so that it can neither hang the run nor
 * hold a port of the next file. Linux only (/proc); elsewhere `npm test` ends the whole group at the end.
 */
afterAll(() => {
  for (const pid of childrenOf(process.pid)) {
    console.error(`left running by this test file and ended: ${pid} ${commandOf(pid)}`);
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself meanwhile.
    }
  }
});

function childrenOf(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
