import type { CheckpointStore } from '../checkpoints/store.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Failpoint } from './failpoint.ts';
import type { Outputs } from './outputs.ts';
import type { Replica } from './replica.ts';
import type { TaskCounters } from './snapshot.ts';

/**
 * The snapshot rhythm of an owner: state is captured between two entries, and saved only once every output before that
 * point is acknowledged. A snapshot that cannot be saved is counted and tried again at the next beat; old ones stay.
 */
export interface Keeper {
  /** Captures or saves if it is time; saving goes on in the background. */
  tick(nowMs: number): void;
  /** Saves what is folded now, if that is more than was saved. Resolves when it is durable, or has failed, or `isOver`. */
  saveNow(isOver: () => boolean): Promise<void>;
}

export interface KeeperOptions {
  readonly replica: Replica;
  readonly outputs: Outputs;
  readonly store: CheckpointStore;
  readonly shard: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoint: Failpoint;
  readonly everyMs: number;
  /** Where the snapshot that this term started from was. */
  readonly savedOffset: bigint;
  readonly savedCounters: TaskCounters;
  readonly onSaved: (outcome: 'saved' | 'failed', bytes: number) => void;
}

interface Captured {
  readonly orderOffset: bigint;
  readonly epoch: number;
  readonly bytes: Uint8Array;
}

/** Entries without a record are cheap to fold again: so many of them are worth a snapshot. */
const emptyEntriesMax = 200;

export function createKeeper(options: KeeperOptions): Keeper {
  const { replica, outputs, store, failpoint } = options;
  let captured: Captured | null = null;
  let saving: Promise<void> | null = null;
  let lastMs = options.clock.nowMs();
  let savedOffset = options.savedOffset;
  let last = options.savedCounters;

  const capture = (nowMs: number): Captured => {
    lastMs = nowMs;
    last = replica.counters();
    return { orderOffset: replica.nextOffset(), epoch: replica.judgeState().epoch, bytes: replica.capture() };
  };
  const save = async ({ orderOffset, epoch, bytes }: Captured): Promise<void> => {
    const { pipeline, version, stateHash } = replica.fold();
    try {
      await failpoint('mid-snapshot');
      await store.save({ pipeline, version, stateHash, epoch, shard: options.shard, orderOffset }, bytes);
      savedOffset = orderOffset;
      options.onSaved('saved', bytes.length);
      await failpoint('after-snapshot');
    } catch (error) {
      options.onSaved('failed', bytes.length);
      options.logger.warn(
        { err: error, orderOffset: orderOffset.toString() },
        'snapshot not saved, the ones before it stay',
      );
    }
  };
  const isWorthIt = (): boolean => {
    const { entries, records } = replica.counters();
    return records > last.records || entries - last.entries >= emptyEntriesMax;
  };
  const saveIfAcked = (): void => {
    if (!captured || saving || !outputs.isAckedBefore(captured.orderOffset)) return;
    const taken = captured;
    captured = null;
    saving = save(taken).finally(() => (saving = null));
  };

  return {
    tick(nowMs) {
      if (!captured && !saving && nowMs - lastMs >= options.everyMs && isWorthIt()) captured = capture(nowMs);
      saveIfAcked();
    },
    async saveNow(isOver) {
      while (saving && !isOver()) await options.clock.sleep(5);
      if (isOver() || replica.nextOffset() === savedOffset || !replica.judgeState().genesis) return;
      captured = capture(options.clock.nowMs());
      while ((captured || saving) && !isOver() && !outputs.failure()) {
        saveIfAcked();
        await options.clock.sleep(5);
      }
    },
  };
}
