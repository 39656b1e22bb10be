import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { fingerprint, readStamp, whyInstall, writeStamp } from './install.mjs';

const folder = mkdtempSync(join(tmpdir(), 'millrace-install-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
let root = '';

function put(file: string, value: unknown): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), JSON.stringify(value));
}

const lock = {
  packages: {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/only-elsewhere': { version: '1.0.0', optional: true },
  },
};

beforeEach(() => {
  root = mkdtempSync(join(folder, 'clone-'));
  put('package-lock.json', lock);
});

describe('whether to install', () => {
  test('a fresh clone needs it', () => {
    expect(whyInstall(root, readStamp(root))).toBe('the packages are not installed yet');
  });

  test('what someone installed by hand is taken when it is what the lock says', () => {
    put('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0' } } });
    expect(whyInstall(root, null)).toBeNull();
    put('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '0.9.0' } } });
    expect(whyInstall(root, null)).toBe('the packages are not those of package-lock.json');
  });

  test('after an install it needs it again when the lock changes or Node does', () => {
    put('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0' } } });
    writeStamp(root, { fingerprint: fingerprint(root), probes: [], missingTools: [] });
    expect(whyInstall(root, readStamp(root))).toBeNull();
    put('package-lock.json', { packages: { ...lock.packages, 'node_modules/b': { version: '1.0.0' } } });
    expect(whyInstall(root, readStamp(root))).toBe('the packages are not those of package-lock.json');
    put('package-lock.json', lock);
    const other = { ...fingerprint(root), abi: '1 linux x64' };
    expect(whyInstall(root, { fingerprint: other, probes: [], missingTools: [] })).toBe(
      'the packages are built for another Node',
    );
  });

  test('a stamp that cannot be read is as none', () => {
    mkdirSync(join(root, 'node_modules', '.millrace'), { recursive: true });
    writeFileSync(join(root, 'node_modules', '.millrace', 'stamp.json'), '{');
    expect(readStamp(root)).toBeNull();
  });
});
