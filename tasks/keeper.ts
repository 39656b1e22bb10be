import type { CheckpointStore } from '../checkpoints/store.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Failpoint } from './failpoint.ts';
import type { Outputs } from './outputs.ts';
import type { Replica } from './replica.ts';
import type { Encoding, TaskCounters } from './snapshot.ts';

/**
 * The snapshot rhythm of an owner: a snapshot is begun between two entries, packed piece by piece between those that follow, and saved
 * only once every output before that point is acknowledged. One that cannot be saved is counted and tried again at the next beat; old
 * ones stay.
 */
export interface Keeper {
  /** Begins, packs or saves if it is time; saving goes on in the background. Gives how long until there is something to pack. */
  tick(nowMs: number): number;
  /** Saves what is folded now, if that is more than was saved. Resolves when it is durable, or has failed, or `isOver`. */
  saveNow(isOver: () => boolean): Promise<void>;
  /** Begins a snapshot of what is folded now, to be saved under a label. */
  mark(label: string): void;
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
  /** About so many bytes are packed at a time. */
  readonly pieceBytes: number;
  /** Where the snapshot that this term started from was. */
  readonly savedOffset: bigint;
  readonly savedCounters: TaskCounters;
  readonly onSaved: (outcome: 'saved' | 'failed', bytes: number) => void;
}

interface Captured {
  readonly orderOffset: bigint;
  readonly epoch: number;
  readonly encoding: Encoding;
  readonly label?: string | undefined;
}

/** Entries without a record are cheap to fold again: so many of them are worth a snapshot. */
const emptyEntriesMax = 200;
/** Between two pieces, each of which takes a millisecond or two: what is folded meanwhile has most of the time. */
const pieceEveryMs = 4;
/** Marks whose outputs are not acknowledged yet; each holds a state. One more is not taken, and said so. */
const marksMax = 4;

export function createKeeper(options: KeeperOptions): Keeper {
  const { replica, outputs, clock } = options;
  /** Not all of it is packed. */
  let begun: Captured | null = null;
  let captured: Captured | null = null;
  const marked: Captured[] = [];
  let saving: Promise<void> | null = null;
  let beganMs = clock.nowMs();
  let packedMs = -Infinity;
  let savedOffset = options.savedOffset;
  let last = options.savedCounters;

  const begin = (nowMs: number, label?: string): void => {
    beganMs = nowMs;
    last = replica.counters();
    const encoding = replica.beginCapture(options.pieceBytes);
    begun = { orderOffset: replica.nextOffset(), epoch: replica.judgeState().epoch, encoding, label };
  };
  const pack = (nowMs: number): void => {
    if (!begun) return;
    packedMs = nowMs;
    if (!isWhole(begun.encoding, options.pieceBytes)) return;
    if (begun.label === undefined) captured = begun;
    else marked.push(begun);
    begun = null;
  };
  /** A person has asked for it: it is finished before another one is begun. */
  const finishMark = (): void => {
    while (begun?.label !== undefined) pack(packedMs);
  };
  const save = async (taken: Captured): Promise<void> => {
    if ((await isSaved(options, taken)) && taken.label === undefined) savedOffset = taken.orderOffset;
  };
  const saveIfAcked = (): void => {
    const first = marked[0] ?? captured;
    if (!first || saving || !outputs.isAckedBefore(first.orderOffset)) return;
    if (marked.length > 0) marked.shift();
    else captured = null;
    saving = save(first).finally(() => (saving = null));
  };

  return {
    tick(nowMs) {
      const isDue = nowMs - beganMs >= options.everyMs;
      if (isDue && !begun && !captured && !saving && isWorthIt(last, replica.counters())) begin(nowMs);
      else if (nowMs - packedMs >= pieceEveryMs) pack(nowMs);
      saveIfAcked();
      return begun ? pieceEveryMs : Infinity;
    },
    mark(label) {
      if (!replica.judgeState().genesis) return;
      finishMark();
      if (marked.length < marksMax) begin(clock.nowMs(), label);
      else options.logger.warn({ label }, 'too many snapshots are asked for at once: this one is not taken');
    },
    async saveNow(isOver) {
      while (saving && !isOver()) await clock.sleep(5);
      if (isOver() || !replica.judgeState().genesis) return;
      finishMark();
      const orderOffset = replica.nextOffset();
      if (orderOffset !== savedOffset && begun?.orderOffset !== orderOffset) begin(clock.nowMs());
      while ((begun || captured || saving || marked.length > 0) && !isOver() && !outputs.failure()) {
        pack(clock.nowMs());
        saveIfAcked();
        await clock.sleep(begun ? 0 : 5);
      }
    },
  };
}

/** Packs a piece, or some small ones. */
function isWhole({ pieces, next }: Encoding, pieceBytes: number): boolean {
  for (let bytes = 0; bytes < pieceBytes / 2; bytes += pieces.at(-1)?.length ?? 0) if (!next()) return true;
  return false;
}

/** Whether so much was folded since. */
const isWorthIt = (last: TaskCounters, { entries, records }: TaskCounters): boolean =>
  records > last.records || entries - last.entries >= emptyEntriesMax;

/** False: it could not be. */
async function isSaved(options: KeeperOptions, taken: Captured): Promise<boolean> {
  const { store, shard, failpoint } = options;
  const { orderOffset, epoch, label } = taken;
  const { pipeline, version, stateHash } = options.replica.fold();
  const { pieces } = taken.encoding;
  const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
  try {
    await failpoint('mid-snapshot');
    const id = { pipeline, version, stateHash, epoch, shard, orderOffset };
    await store.save(label === undefined ? id : { ...id, label }, pieces);
    options.onSaved('saved', bytes);
    await failpoint('after-snapshot');
    return true;
  } catch (error) {
    options.onSaved('failed', bytes);
    options.logger.warn(
      { err: error, orderOffset: orderOffset.toString() },
      'snapshot not saved, the ones before it stay',
    );
    return false;
  }
}
