import { expect, it } from 'vitest';
import { createMemoryStore } from '../checkpoints/memory.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { noFailpoint } from './failpoint.ts';
import { createKeeper } from './keeper.ts';
import { emptyJudgeState } from './judge.ts';
import type { Outputs } from './outputs.ts';
import type { Replica } from './replica.ts';

/** A task that folds a record a millisecond, and whose capture takes `holdMs`. */
function rig(holdMs: number) {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const capturedMs: number[] = [];
  const replica = {
    counters: () => ({ entries: nowMs, records: nowMs, ignored: 0 }),
    nextOffset: () => BigInt(nowMs),
    judgeState: () => emptyJudgeState,
    fold: () => ({ pipeline: 'counting', version: 1, stateHash: 'x' }),
    capture: () => {
      capturedMs.push(nowMs);
      nowMs += holdMs;
      return new Uint8Array(1);
    },
  } as unknown as Replica;
  const keeper = createKeeper({
    ...{ replica, outputs: { isAckedBefore: () => true } as unknown as Outputs, clock, everyMs: 1_000 },
    ...{ store: createMemoryStore({ keep: 3, clock }), shard: 0, logger: silentLogger, failpoint: noFailpoint },
    ...{ savedOffset: 0n, savedCounters: { entries: 0, records: 0, ignored: 0 }, onSaved: () => {} },
  });
  const runTo = async (ms: number): Promise<readonly number[]> => {
    for (; nowMs < ms; nowMs += 10) {
      keeper.tick(nowMs);
      await new Promise(setImmediate);
    }
    return capturedMs;
  };
  return { runTo };
}

it('takes a snapshot at each beat, where taking one holds nobody up', async () => {
  expect(await rig(0).runTo(5_000)).toEqual([1_000, 2_000, 3_000, 4_000]);
});

it('takes snapshots less often where taking one holds up the fold, and never less often than every sixth beat', async () => {
  // 400 times 5 ms would be two seconds, but so little is no hold.
  expect(await rig(5).runTo(3_000)).toHaveLength(2);
  const [first = 0, second = 0] = await rig(20).runTo(12_000);
  expect(second - first).toBeGreaterThanOrEqual(6_000);
  expect(second - first).toBeLessThan(6_100);
  const capped = await rig(500).runTo(14_000);
  expect(capped).toHaveLength(3);
});
