import { isBackfillBase } from './backfill.ts';
import type { FoldOutput } from './contract.ts';
import type { OrderReader } from './order-log.ts';
import type { TaskServiceOptions, TaskTuning } from './options.ts';
import { type Outputs, waitingBytes } from './outputs.ts';
import type { TermControl } from './owner.ts';
import type { Replica } from './replica.ts';
import type { KnownIdentities } from './topic-identities.ts';
import type { Wake } from './wake.ts';

export interface FollowOptions {
  readonly service: Pick<TaskServiceOptions, 'store' | 'clock'>;
  readonly tuning: Pick<TaskTuning, 'outputMessagesMax' | 'outputBytesMax' | 'snapshotEveryMs'>;
  readonly shard: number;
  readonly control: TermControl;
  readonly wake: Wake;
  readonly identities: KnownIdentities;
}

export interface FollowParts {
  readonly replica: Replica;
  readonly reader: OrderReader;
  readonly outputs: Outputs;
}

interface Held {
  readonly orderOffset: bigint;
  readonly outputs: readonly FoldOutput[];
  readonly bytes: number;
}

/**
 * A hot standby: folds the log of a task that another instance owns, as it grows, and writes nothing. It keeps what it makes until a
 * snapshot of the owner stands behind it, for then the owner had it acknowledged. Once the task is its own, it sends what it
 * still keeps, first. False: told to stop meanwhile. More than `outputMessagesMax` or `outputBytesMax` is not kept: folding waits.
 */
export async function follow(options: FollowOptions, { replica, reader, outputs }: FollowParts): Promise<boolean> {
  const { control, wake } = options;
  const held = createHeld(options.tuning);
  const looker = createLooker(options, replica, (orderOffset) => {
    held.letGo(orderOffset);
    wake.wake();
  });
  while (!control.isAssigned()) {
    if (control.isStopped() || control.isDraining()) return false;
    looker.lookIfDue();
    options.identities.lookIfDue(replica.judgeState().topics ?? {});
    const logRecord = held.hasRoom() ? reader.poll() : null;
    if (!logRecord) {
      await wake.wait(waitMs);
      continue;
    }
    const { epoch } = replica.judgeState();
    const applied = await replica.apply(logRecord);
    // What was made before a genesis was given up by whoever opened the epoch.
    if (replica.judgeState().epoch !== epoch) held.letGo(logRecord.orderOffset);
    if (logRecord.orderOffset >= looker.savedOffset()) held.take(logRecord.orderOffset, applied.outputs);
  }
  for (const one of held.all()) outputs.push(one.orderOffset, one.outputs);
  return true;
}

const waitMs = 250;

/** Outputs in fold order, with a bound. */
function createHeld({ outputMessagesMax, outputBytesMax }: FollowOptions['tuning']) {
  let held: Held[] = [];
  let messages = 0;
  let bytes = 0;
  const count = (one: Held, sign: 1 | -1): void => {
    messages += sign * one.outputs.length;
    bytes += sign * one.bytes;
  };
  return {
    hasRoom: (): boolean => messages < outputMessagesMax && bytes < outputBytesMax,
    all: (): readonly Held[] => held,
    take(orderOffset: bigint, outputs: readonly FoldOutput[]): void {
      if (outputs.length === 0) return;
      const size = outputs.reduce((sum, output) => sum + waitingBytes(output), 0);
      const one = { orderOffset, outputs, bytes: size };
      held.push(one);
      count(one, 1);
    },
    /** What lies before `orderOffset`. */
    letGo(orderOffset: bigint): void {
      const kept = held.findIndex((one) => one.orderOffset >= orderOffset);
      const gone = held.slice(0, kept < 0 ? held.length : kept);
      for (const one of gone) count(one, -1);
      held = held.slice(gone.length);
    },
  };
}

/** Looks for the owner's newest snapshot, in the background; a store that does not answer is asked again. */
function createLooker(
  { service, tuning, shard }: FollowOptions,
  replica: Replica,
  onNewer: (orderOffset: bigint) => void,
) {
  const { store, clock } = service;
  let savedOffset = -1n;
  let dueMs = 0;
  const look = async (): Promise<void> => {
    const { pipeline, version, stateHash } = replica.fold();
    const { epoch } = replica.judgeState();
    const listed = await store.list({ pipeline, version, shard });
    const newest = listed.find((one) => one.stateHash === stateHash && one.epoch === epoch && !isBackfillBase(one));
    if (!newest || newest.orderOffset <= savedOffset || replica.judgeState().epoch !== epoch) return;
    savedOffset = newest.orderOffset;
    onNewer(savedOffset);
  };
  return {
    savedOffset: (): bigint => savedOffset,
    lookIfDue(): void {
      const nowMs = clock.nowMs();
      if (nowMs < dueMs) return;
      dueMs = nowMs + tuning.snapshotEveryMs / 2;
      void look().catch(() => undefined);
    },
  };
}
