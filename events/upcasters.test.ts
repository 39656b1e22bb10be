import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'millrace-upcasters-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What golden.test.ts holds, in a process that has a damaged copy of this folder. */
const check = `
import { readFileSync, readdirSync } from 'node:fs';
const { decodeEvent } = await import('./events/decode.ts');
let samples = 0;
for (const name of readdirSync('events/golden'))
  for (const { event, newest } of JSON.parse(readFileSync('events/golden/' + name, 'utf8'))) {
    const bytes = new TextEncoder().encode(JSON.stringify(event));
    const outcome = decodeEvent(bytes, 0, bytes.length);
    samples += 1;
    const same = (a, b) => JSON.stringify(Object.entries(a ?? {}).sort()) === JSON.stringify(Object.entries(b).sort());
    if (!same(outcome.event, newest)) throw new Error(name + ' no longer becomes its newest version');
  }
console.log(samples + ' samples');
`;

/** Runs the check on a copy whose catalog was changed. */
function checked(change: (catalog: string) => string): Promise<{ code: number | null; said: string }> {
  const copy = mkdtempSync(join(folder, 'copy-'));
  cpSync(join(root, 'events'), join(copy, 'events'), { recursive: true });
  for (const linked of ['node_modules', 'package.json', 'tsconfig.json'])
    symlinkSync(join(root, linked), join(copy, linked));
  const catalog = join(copy, 'events', 'catalog.ts');
  const before = readFileSync(catalog, 'utf8');
  writeFileSync(catalog, change(before));
  writeFileSync(join(copy, 'check.mts'), check);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, ['--import', 'tsx', 'check.mts'], { cwd: copy }, (_, out, err) =>
      resolve({ code: child.exitCode, said: out + err }),
    );
  });
}

const upcaster = /upcast: \(event\) => [^}]+ \}/;

test('[B2] the check passes as things are, and there is an upcaster to delete', async () => {
  let found = false;
  const { code, said } = await checked((catalog) => ((found = upcaster.test(catalog)), catalog));
  expect([code, found, said]).toEqual([0, true, expect.stringMatching(/^\d+ samples\n$/)]);
});

test.each([
  ['is deleted', 'upcast: null }', 'every version but the newest needs an upcaster'],
  ['does nothing', 'upcast: (event) => event }', 'payment.v1.json no longer becomes its newest version'],
])('[B2] the build is red when an upcaster %s', async (_how, text, says) => {
  const { code, said } = await checked((catalog) => catalog.replace(upcaster, text));
  expect(code).not.toBe(0);
  expect(said).toContain(says);
});
