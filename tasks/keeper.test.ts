import { expect, it } from 'vitest';
import { createMemoryStore } from '../checkpoints/memory.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { noFailpoint } from './failpoint.ts';
import { createKeeper } from './keeper.ts';
import { emptyJudgeState } from './judge.ts';
import type { Outputs } from './outputs.ts';
import type { Replica } from './replica.ts';

const genesis = { epoch: 1, base: null, starts: {} };

/** A task that folds a record a millisecond, and whose state has so many pieces; each holds the offset that it was begun at. */
function rig(piecesOfState: number) {
  let nowMs = 0;
  let acked = Infinity;
  const clock = { nowMs: () => nowMs, sleep: (ms: number) => Promise.resolve(void (nowMs += ms)) };
  const packedMs: number[] = [];
  const begunMs: number[] = [];
  const replica = {
    counters: () => ({ entries: nowMs, records: nowMs, ignored: 0 }),
    nextOffset: () => BigInt(nowMs),
    judgeState: () => ({ ...emptyJudgeState, genesis }),
    fold: () => ({ pipeline: 'counting', version: 1, stateHash: '0123456789abcdef' }),
    beginCapture() {
      const pieces: Uint8Array[] = [];
      const at = nowMs;
      begunMs.push(at);
      return {
        pieces,
        next() {
          packedMs.push(nowMs);
          pieces.push(new Uint8Array([at & 0xff, at >> 8]));
          return pieces.length < piecesOfState;
        },
      };
    },
  } as unknown as Replica;
  const store = createMemoryStore({ keep: 9, clock });
  const keeper = createKeeper({
    ...{ replica, outputs: { isAckedBefore: (at: bigint) => at <= acked, failure: () => null } as unknown as Outputs },
    ...{ clock, everyMs: 1_000, pieceBytes: 1 },
    ...{ store, shard: 0, logger: silentLogger, failpoint: noFailpoint },
    ...{ savedOffset: 0n, savedCounters: { entries: 0, records: 0, ignored: 0 }, onSaved: () => {} },
  });
  const runTo = async (ms: number): Promise<void> => {
    for (; nowMs < ms; nowMs += 1) {
      keeper.tick(nowMs);
      await new Promise(setImmediate);
    }
  };
  const saved = async (): Promise<readonly (number | string)[]> =>
    (await store.list({ pipeline: 'counting', version: 1, shard: 0 }))
      .map(({ orderOffset, label }) => label ?? Number(orderOffset))
      .reverse();
  const bytesAt = async (at: number): Promise<Uint8Array | null> => {
    const listed = await store.list({ pipeline: 'counting', version: 1, shard: 0 });
    return store.load(listed.find(({ orderOffset }) => orderOffset === BigInt(at))?.name ?? '');
  };
  return { runTo, saved, bytesAt, keeper, packedMs, begunMs, ackUpTo: (at: number) => void (acked = at) };
}

it('begins a snapshot at each beat, packs it piece by piece with time between, and saves it as of where it began', async () => {
  const { runTo, saved, bytesAt, packedMs } = rig(3);
  await runTo(2_500);
  expect(packedMs).toEqual([1_001, 1_005, 1_009, 2_001, 2_005, 2_009]);
  expect(await saved()).toEqual([1_000, 2_000]);
  expect(await bytesAt(1_000)).toEqual(new Uint8Array([232, 3, 232, 3, 232, 3]));
});

it('says how soon there is something to pack', async () => {
  const { runTo, keeper } = rig(3);
  expect(keeper.tick(0)).toBe(Infinity);
  await runTo(1_001);
  expect(keeper.tick(1_001)).toBeLessThanOrEqual(4);
});

it('saves nothing whose outputs are not acknowledged, however long all of it is packed, and begins no other meanwhile', async () => {
  const { runTo, saved, begunMs, ackUpTo } = rig(2);
  ackUpTo(900);
  await runTo(3_000);
  expect(await saved()).toEqual([]);
  expect(begunMs).toEqual([1_000]);
  ackUpTo(1_000);
  await runTo(3_002);
  expect(await saved()).toEqual([1_000]);
});

it('begins a mark at once in place of the snapshot of the beat, and finishes it before another is begun', async () => {
  const { runTo, saved, keeper, begunMs } = rig(50);
  await runTo(1_010);
  keeper.mark('one');
  await runTo(1_020);
  keeper.mark('two');
  await runTo(1_300);
  expect(begunMs).toEqual([1_000, 1_010, 1_020]);
  expect(await saved()).toEqual(['one', 'two']);
  await runTo(2_500);
  expect(await saved()).toEqual(['one', 'two', 2_020]);
});

it('packs and saves what is folded last before a drain ends, in place of what was begun before', async () => {
  const { runTo, saved, keeper, begunMs } = rig(50);
  await runTo(1_010);
  await keeper.saveNow(() => false);
  expect(begunMs).toEqual([1_000, 1_010]);
  expect(await saved()).toEqual([1_010]);
});

it('drops what is begun when the term is over', async () => {
  const { runTo, saved, keeper } = rig(50);
  await runTo(1_010);
  let left = 3;
  await keeper.saveNow(() => left-- === 0);
  expect(await saved()).toEqual([]);
});
