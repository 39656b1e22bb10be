import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDashboard } from './build.ts';

describe('the bundle', () => {
  let folder: string;
  let outDir: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-build-'));
    outDir = join(folder, 'deep', 'page');
    expect(await buildDashboard({ outDir })).toBe('built');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('is not made again while its sources are the same', async () => {
    const before = (await stat(join(outDir, 'index.html'))).mtimeMs;
    expect(await buildDashboard({ outDir })).toBe('current');
    expect((await stat(join(outDir, 'index.html'))).mtimeMs).toBe(before);
  });

  test('is made again when a file of it is gone, and leaves nothing beside it', async () => {
    await rm(join(outDir, 'build.sha256'));
    expect(await buildDashboard({ outDir })).toBe('built');
    expect(await readdir(join(folder, 'deep'))).toEqual(['page']);
  });

  test('is all local files, with no script or style inside the page', async () => {
    const html = await readFile(join(outDir, 'index.html'), 'utf8');
    expect(html).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)/);
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] ?? '');
    expect(addresses.length).toBeGreaterThan(2);
    for (const address of addresses) expect((await stat(join(outDir, address))).isFile()).toBe(true);
    const assets = await readdir(join(outDir, 'assets'));
    const css = assets.find((name) => name.endsWith('.css')) ?? '';
    expect(await readFile(join(outDir, 'assets', css), 'utf8')).not.toMatch(/url\(|@import/);
  });
});
