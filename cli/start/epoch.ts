import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { PipelineTopics } from '../../events/topics.ts';

export interface Epoch {
  readonly current: number;
  /** True when inputs and order logs begin anew with this start. */
  readonly openNew: boolean;
  readonly previous?: { readonly epoch: number };
}

/** The highest epoch of any snapshot of these pipelines; −1 for none. */
export async function highestSnapshotEpoch(
  store: CheckpointStore,
  pipelines: readonly PipelineTopics[],
): Promise<number> {
  const lists = await Promise.all(
    pipelines.map(({ name, version }) => store.list({ pipeline: name, version, shard: 0 })),
  );
  return Math.max(-1, ...lists.flat().map(({ epoch }) => epoch));
}

/** A fresh broker opens the epoch after the highest one seen (−1: none was); any other start goes on in it. */
export function chooseEpoch(highestSeen: number, isFreshBroker: boolean): Epoch {
  if (!isFreshBroker) return { current: Math.max(0, highestSeen), openNew: false };
  if (highestSeen < 0) return { current: 0, openNew: true };
  return { current: highestSeen + 1, openNew: true, previous: { epoch: highestSeen } };
}
