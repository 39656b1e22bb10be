import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const folder = import.meta.dirname;
const root = resolve(folder, '..');
/** What the page is made of: our folders, and the packages whose versions shape the bundle. */
const sourceFolders = ['dashboards', 'live', 'events'];
const packages = ['vite', 'preact', '@preact/signals', 'uplot'];
const stampName = 'build.sha256';

/** `current` when the files in `outDir` were already made of the same sources and versions. */
export type BuildOutcome = 'built' | 'current';

/**
 * Bundles the page into `outDir` (index.html and assets/), unless it is current. Takes about a second; a half-built folder is never
 * seen: the bundle is made beside it and moved in. Rejects with Vite's error when a source does not compile.
 */
export async function buildDashboard(options: { readonly outDir: string }): Promise<BuildOutcome> {
  const outDir = resolve(options.outDir);
  const stamp = await sourceHash();
  if (await isCurrent(outDir, stamp)) return 'current';
  const fresh = `${outDir}.${randomUUID()}`;
  try {
    const [{ build }, { default: config }] = await Promise.all([import('vite'), import('./vite.config.ts')]);
    await build({ ...config, configFile: false, build: { ...config.build, outDir: fresh, emptyOutDir: true } });
    await writeFile(join(fresh, stampName), stamp);
    await moveIn(fresh, outDir, stamp);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return 'built';
}

async function isCurrent(outDir: string, stamp: string): Promise<boolean> {
  return (await readFile(join(outDir, stampName), 'utf8').catch(() => '')) === stamp;
}

/** Another process may move its own in first: equally good when it is of the same sources. */
async function moveIn(fresh: string, outDir: string, stamp: string): Promise<void> {
  await mkdir(dirname(outDir), { recursive: true });
  const old = `${outDir}.${randomUUID()}`;
  if (existsSync(outDir)) await rename(outDir, old);
  await rename(fresh, outDir).catch(async (error: unknown) => {
    if (!(await isCurrent(outDir, stamp))) throw error;
  });
  await rm(old, { recursive: true, force: true });
}

async function sourceHash(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of sourceFolders) {
    for (const path of await filesUnder(join(root, name))) hash.update(path).update(await readFile(path));
  }
  for (const name of packages) hash.update(await readFile(join(root, 'node_modules', name, 'package.json')));
  return hash.digest('hex');
}

async function filesUnder(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !/\.test\.|-suite\./.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.slice(path.length).includes('/dist/'))
    .toSorted();
}
