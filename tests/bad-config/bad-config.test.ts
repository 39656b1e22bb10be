import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { timed } from '../machine-pace.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const program = fileURLToPath(new URL('../../cli/millrace.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'millrace-bad-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const withinMs = 2_000;

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

function start(file: string): Promise<Ended> {
  const env = { PATH: process.env['PATH'] ?? '', BAD_RULES: join(here, 'rules') };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, 'start', '--config', file],
      { env, timeout: 120_000 },
      (_, _stdout, stderr) => resolve({ code: child.exitCode, stderr }),
    );
  });
}

describe('a bad configuration ends the start with 78, within 2 s, with line and path', () => {
  const files = readdirSync(here).filter((name) => name.endsWith('.yaml'));

  test('there are twenty of them at least', () => expect(files.length).toBeGreaterThanOrEqual(20));

  test.each(files)('%s', async (name) => {
    const file = join(here, name);
    const says = /^# says: (.*)$/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 'nothing';
    const { value, pacedMs } = await timed(() => start(file));
    const { code, stderr } = value;
    expect(stderr).toContain(says);
    const place = stderr.includes(`${file}:`) ? /\.yaml:\d+:\d+/ : /bad-config\/rules\/\w+(\/\w+\.ya?ml:\d+:\d+|:? )/;
    expect(stderr).toMatch(place);
    expect(stderr).not.toContain('hunter2');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(78);
    expect(pacedMs).toBeLessThan(withinMs);
  });

  test('10 MB of it', async () => {
    const file = join(folder, 'large.yaml');
    writeFileSync(file, `server:\n  port: 1\n${'# much\n'.repeat(1_500_000)}`);
    const { value, pacedMs } = await timed(() => start(file));
    const { code, stderr } = value;
    expect([code, stderr.includes('large.yaml:1:1'), stderr.includes('larger than')]).toEqual([78, true, true]);
    expect(pacedMs).toBeLessThan(withinMs);
  });
});
