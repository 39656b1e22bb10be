import type { SnapshotEntry, SnapshotId } from './store.ts';

/** `revenue.v1.0123456789abcdef.e3.s0.o4711`, and `~label` where it has one: all of the id, so a name is unique and can be read. */
export function snapshotName(id: SnapshotId): string {
  const place = `${encodeURIComponent(id.pipeline)}.v${id.version}.${id.stateHash}.e${id.epoch}.s${id.shard}.o${id.orderOffset}`;
  return id.label === undefined ? place : `${place}~${id.label}`;
}

/** Null when the text is not the name of a snapshot. */
export function parseSnapshotName(name: string): SnapshotId | null {
  const match = /^([^/]+)\.v(\d+)\.([0-9a-f]{1,64})\.e(\d+)\.s(\d+)\.o(\d+)(?:~([A-Za-z0-9_-]{1,64}))?$/.exec(name);
  if (!match) return null;
  const [, pipeline = '', version, stateHash = '', epoch, shard, orderOffset = '0', label] = match;
  return {
    pipeline: decodeURIComponent(pipeline),
    version: Number(version),
    stateHash,
    epoch: Number(epoch),
    shard: Number(shard),
    orderOffset: BigInt(orderOffset),
    ...(label !== undefined && { label }),
  };
}

/** Newest first: by epoch, then order offset. */
export function byNewest(a: SnapshotEntry, b: SnapshotEntry): number {
  if (a.epoch !== b.epoch) return b.epoch - a.epoch;
  return a.orderOffset === b.orderOffset ? 0 : a.orderOffset > b.orderOffset ? -1 : 1;
}

/** Those that a store lets go: all but the newest `keep` of a task; labelled ones stay for good. */
export const superfluous = (newestFirst: readonly SnapshotEntry[], keep: number): readonly SnapshotEntry[] =>
  newestFirst.filter(({ label }) => label === undefined).slice(keep);

/** Whether a snapshot is of this task, whatever its state hash. */
export const isOfTask = (id: SnapshotId, task: Pick<SnapshotId, 'pipeline' | 'version' | 'shard'>): boolean =>
  id.pipeline === task.pipeline && id.version === task.version && id.shard === task.shard;
