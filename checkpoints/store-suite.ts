import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CheckpointStore, SnapshotId } from './store.ts';

export interface StoreUnderTest {
  readonly store: CheckpointStore;
  /** Makes the stored bytes of one snapshot wrong. */
  damage(name: string): void | Promise<void>;
}

const id = (orderOffset: bigint, more: Partial<SnapshotId> = {}): SnapshotId => ({
  pipeline: 'revenue',
  version: 1,
  stateHash: '0123456789abcdef',
  epoch: 1,
  shard: 0,
  orderOffset,
  ...more,
});
const task = { pipeline: 'revenue', version: 1, shard: 0 };

/** What every snapshot store does; `open` gives a fresh, empty one that keeps three of a task. */
export function describeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`snapshot store ${name}`, () => {
    it('gives back exactly the bytes saved, under a name and a SHA-256', async () => {
      const { store } = await open();
      const bytes = new Uint8Array([1, 2, 3, 0, 255]);
      const saved = await store.save(id(7n), [bytes]);
      expect(saved.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(await store.load(saved.name)).toEqual(bytes);
      expect(await store.list(task)).toEqual([saved]);
    });

    it('saves pieces as the bytes that they are one behind the other, whatever their sizes', async () => {
      const { store } = await open();
      const pieces = [1, 1_048_575, 0, 3, 2_000_000, 1_048_576].map((length, i) => new Uint8Array(length).fill(i + 1));
      const bytes = new Uint8Array(Buffer.concat(pieces));
      const saved = await store.save(id(7n), pieces);
      expect(saved.sizeBytes).toBe(bytes.length);
      expect(saved.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(Buffer.compare((await store.load(saved.name)) ?? Buffer.alloc(0), bytes)).toBe(0);
    });

    it('lists newest first by epoch and order offset, not by time of saving', async () => {
      const { store } = await open();
      for (const [epoch, offset] of [
        [1, 900n],
        [2, 5n],
        [1, 1000n],
      ] as const)
        await store.save(id(offset, { epoch }), [new Uint8Array([1])]);
      expect((await store.list(task)).map((e) => [e.epoch, e.orderOffset])).toEqual([
        [2, 5n],
        [1, 1000n],
        [1, 900n],
      ]);
    });

    it('keeps the newest three of each task and leaves other tasks alone', async () => {
      const { store } = await open();
      await store.save(id(1n, { shard: 1 }), [new Uint8Array([9])]);
      await store.save(id(1n, { pipeline: 'revenue.v1' }), [new Uint8Array([9])]);
      for (const offset of [10n, 20n, 30n, 40n, 25n]) await store.save(id(offset), [new Uint8Array([1])]);
      expect((await store.list(task)).map((e) => e.orderOffset)).toEqual([40n, 30n, 25n]);
      expect(await store.list({ ...task, shard: 1 })).toHaveLength(1);
      expect(await store.list({ ...task, pipeline: 'revenue.v1' })).toHaveLength(1);
    });

    it('[D4] keeps a snapshot with a label whatever comes after it, beside the unlabelled one of the same place', async () => {
      const { store } = await open();
      const named = await store.save(id(1n, { label: 'before-upgrade' }), [new Uint8Array([1])]);
      for (const offset of [1n, 10n, 20n, 30n, 40n]) await store.save(id(offset), [new Uint8Array([2])]);
      expect((await store.list(task)).map((e) => e.label ?? e.orderOffset)).toEqual([40n, 30n, 20n, 'before-upgrade']);
      expect(await store.load(named.name)).toEqual(new Uint8Array([1]));
    });

    it('lists snapshots of any state hash', async () => {
      const { store } = await open();
      await store.save(id(1n), [new Uint8Array([1])]);
      await store.save(id(2n, { stateHash: 'ffffffffffffffff' }), [new Uint8Array([1])]);
      expect((await store.list(task)).map((e) => e.stateHash)).toEqual(['ffffffffffffffff', '0123456789abcdef']);
    });

    it('replaces a snapshot of the same id', async () => {
      const { store } = await open();
      await store.save(id(1n), [new Uint8Array([1])]);
      const second = await store.save(id(1n), [new Uint8Array([2, 2])]);
      expect(await store.list(task)).toEqual([second]);
      expect(await store.load(second.name)).toEqual(new Uint8Array([2, 2]));
    });

    it('reads a damaged snapshot as absent, still lists it, and gives the one before it', async () => {
      const { store, damage } = await open();
      const first = await store.save(id(1n), [new Uint8Array([1, 1, 1])]);
      const second = await store.save(id(2n), [new Uint8Array([2, 2, 2])]);
      await damage(second.name);
      expect(await store.load(second.name)).toBeNull();
      expect((await store.list(task)).map((e) => e.name)).toContain(second.name);
      expect(await store.load(first.name)).toEqual(new Uint8Array([1, 1, 1]));
    });

    it('knows nothing of a name that it did not give, however odd', async () => {
      const { store } = await open();
      expect(await store.load('revenue.v1.0123456789abcdef.e1.s0.o99')).toBeNull();
      expect(await store.load('../../etc/passwd')).toBeNull();
    });

    it('takes an empty snapshot and a large one', async () => {
      const { store } = await open();
      const empty = await store.save(id(1n), [new Uint8Array(0)]);
      const large = new Uint8Array(3_000_000).fill(7);
      const big = await store.save(id(2n), [large]);
      expect(await store.load(empty.name)).toEqual(new Uint8Array(0));
      expect(Buffer.compare((await store.load(big.name)) ?? Buffer.alloc(0), large)).toBe(0);
    });
  });
}
