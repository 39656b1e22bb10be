import type { SnapshotEntry, SnapshotId } from './store.ts';

/** `revenue.v1.0123456789abcdef.e3.s0.o4711`: all of the id, so a name is unique and can be read. */
export function snapshotName(id: SnapshotId): string {
  return `${encodeURIComponent(id.pipeline)}.v${id.version}.${id.stateHash}.e${id.epoch}.s${id.shard}.o${id.orderOffset}`;
}

/** Null when the text is not the name of a snapshot. */
export function parseSnapshotName(name: string): SnapshotId | null {
  const match = /^([^/]+)\.v(\d+)\.([0-9a-f]{1,64})\.e(\d+)\.s(\d+)\.o(\d+)$/.exec(name);
  if (!match) return null;
  const [, pipeline = '', version, stateHash = '', epoch, shard, orderOffset = '0'] = match;
  return {
    pipeline: decodeURIComponent(pipeline),
    version: Number(version),
    stateHash,
    epoch: Number(epoch),
    shard: Number(shard),
    orderOffset: BigInt(orderOffset),
  };
}

/** Newest first: by epoch, then order offset. */
export function byNewest(a: SnapshotEntry, b: SnapshotEntry): number {
  if (a.epoch !== b.epoch) return b.epoch - a.epoch;
  return a.orderOffset === b.orderOffset ? 0 : a.orderOffset > b.orderOffset ? -1 : 1;
}

/** Whether a snapshot is of this task, whatever its state hash. */
export const isOfTask = (id: SnapshotId, task: Pick<SnapshotId, 'pipeline' | 'version' | 'shard'>): boolean =>
  id.pipeline === task.pipeline && id.version === task.version && id.shard === task.shard;
