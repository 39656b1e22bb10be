import * as nodeFiles from 'node:fs/promises';
import { mkdtemp, readFile, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../telemetry/logger.ts';
import { createFsStore } from './fs.ts';
import type { Files } from './fs.ts';
import { createMemoryStore } from './memory.ts';
import { describeStore } from './store-suite.ts';

const clock = { nowMs: () => 1_700_000_000_000 };
const folders: string[] = [];
const folder = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), 'millrace-fs-'));
  folders.push(made);
  return made;
};
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true, force: true });
});

describeStore('memory', async () => {
  const store = createMemoryStore({ keep: 3, clock });
  return Promise.resolve({ store, damage: (name) => store.damage(name) });
});

describeStore('fs', async () => {
  const at = await folder();
  const store = await createFsStore({ folder: at, keep: 3, clock, logger: silentLogger });
  const damage = async (name: string): Promise<void> => {
    const path = join(at, `${name}.snapshot`);
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    await writeFile(path, bytes);
  };
  return { store, damage };
});

const id = { pipeline: 'revenue', version: 1, stateHash: 'ab', epoch: 1, shard: 0, orderOffset: 5n };

describe('fs snapshot store', () => {
  it('reads a file that was cut short as absent and says so once', async () => {
    const at = await folder();
    const warnings: object[] = [];
    const logger = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) };
    const store = await createFsStore({ folder: at, keep: 3, clock, logger });
    const saved = await store.save(id, [new Uint8Array(100)]);
    for (const size of [120, 30, 0]) {
      await truncate(join(at, `${saved.name}.snapshot`), size);
      expect(await store.load(saved.name)).toBeNull();
      expect(await store.list(id)).toHaveLength(1);
    }
    expect(warnings).toHaveLength(1);
  });

  it('finds the snapshots of an earlier process and ignores foreign files', async () => {
    const at = await folder();
    await writeFile(join(at, 'README'), 'mine');
    const first = await createFsStore({ folder: at, keep: 3, clock, logger: silentLogger });
    const saved = await first.save(id, [new Uint8Array([1])]);
    const second = await createFsStore({ folder: at, keep: 3, clock, logger: silentLogger });
    expect(await second.list(id)).toEqual([saved]);
    expect(await second.load(saved.name)).toEqual(new Uint8Array([1]));
  });

  it('removes what a crashed save left behind, not what another process writes now', async () => {
    const at = await folder();
    await writeFile(join(at, '.tmp-1-0'), 'half');
    await utimes(join(at, '.tmp-1-0'), 1, 1);
    await writeFile(join(at, '.tmp-2-0'), 'half');
    await utimes(join(at, '.tmp-2-0'), clock.nowMs() / 1000, clock.nowMs() / 1000);
    await createFsStore({ folder: at, keep: 3, clock, logger: silentLogger });
    expect(await readdir(at)).toEqual(['.tmp-2-0']);
  });

  it('rejects with a code when the disk is full, and the snapshots before it stay', async () => {
    const at = await folder();
    let isFull = false;
    const openFull: Files['open'] = async (path, flags) => {
      const file = await nodeFiles.open(path, flags);
      const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
      return {
        writeFile: (data) => (isFull ? Promise.reject(full) : file.writeFile(data)),
        sync: () => file.sync(),
        read: (...args) => file.read(...args),
        stat: () => file.stat(),
        close: () => file.close(),
      };
    };
    const files = { ...nodeFiles, open: openFull };
    const store = await createFsStore({ folder: at, keep: 3, clock, logger: silentLogger, files });
    const saved = await store.save(id, [new Uint8Array([1])]);
    isFull = true;
    await expect(store.save({ ...id, orderOffset: 6n }, [new Uint8Array(100)])).rejects.toMatchObject({
      code: 'full',
      retryable: true,
    });
    expect(await store.load(saved.name)).toEqual(new Uint8Array([1]));
    expect(await readdir(at)).toEqual([`${saved.name}.snapshot`]);
  });

  it('keeps the snapshots of two stores apart that share a folder and a process id, as containers do', async () => {
    const at = await folder();
    const stores = [0, 1].map(() => createFsStore({ folder: at, keep: 100, clock, logger: silentLogger }));
    const saves = stores.flatMap((opening, shard) =>
      Array.from({ length: 20 }, async (_, i) => {
        const bytes = new Uint8Array(10_000).fill(shard * 100 + i);
        const { name } = await (await opening).save({ ...id, shard, orderOffset: BigInt(i) }, [bytes]);
        return { name, bytes };
      }),
    );
    const store = await createFsStore({ folder: at, keep: 100, clock, logger: silentLogger });
    for (const { name, bytes } of await Promise.all(saves)) expect(await store.load(name), name).toEqual(bytes);
  });

  it('names the reason when its folder cannot be made', async () => {
    const at = await folder();
    await writeFile(join(at, 'file'), '');
    await expect(
      createFsStore({ folder: join(at, 'file', 'x'), keep: 3, clock, logger: silentLogger }),
    ).rejects.toMatchObject({
      code: 'unavailable',
    });
  });
});
