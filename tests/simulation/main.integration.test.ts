import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('main.ts', import.meta.url));

function run(...args: string[]): Promise<{ readonly code: number | null; readonly lines: readonly string[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', main, '--processes', '1', ...args]);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, lines: text.trimEnd().split('\n') }));
  });
}

describe('npm run simulate', { timeout: 240_000 }, () => {
  it('ends with one JSON line and 0 when no seed finds anything', async () => {
    const { code, lines } = await run('--seeds', '3', '--first', '2');
    expect(code).toBe(0);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ seeds: 3, wrong: 0 });
  });

  it('ends with 1 when a mutant is noticed, and says how to run the seed again', async () => {
    const { code, lines } = await run('--mutant', '3', '--seeds', '20');
    expect(code).toBe(1);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ wrong: 1, mutant: 'prev is not checked' });
    expect(lines.join('\n')).toContain("--seeds 1 --first 1 --mutant 'prev is not checked'");
  });

  it('ends with 0 when a mutant is not noticed within its seeds', async () => {
    const { code, lines } = await run('--mutant', 'a claim names no predecessor', '--seeds', '1', '--first', '2');
    expect(code).toBe(0);
    expect(lines.join('\n')).toContain('NOT noticed');
  });

  it('ends with 2 for what is no flag of it, and says which there are', async () => {
    const { code, lines } = await run('--sedes', '3');
    expect(code).toBe(2);
    expect(lines[0]).toContain("'--sedes'");
    expect(lines.join('\n')).toContain('--seeds N');
  });

  it('ends with 2 for a mutant that is not known', async () => {
    const { code, lines } = await run('--mutant', '9');
    expect(code).toBe(2);
    expect(lines[0]).toContain('unknown mutant 9');
  });
});
