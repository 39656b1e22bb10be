import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { PipelineTopics } from '../../events/topics.ts';

export interface Epoch {
  readonly current: number;
  /** The epoch that this incarnation of the topics began with: what the archive keeps their records under. */
  readonly incarnation: number;
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
    pipelines.flatMap(({ name, version, shards = 1 }) =>
      Array.from({ length: shards }, (_, shard) => store.list({ pipeline: name, version, shard })),
    ),
  );
  return Math.max(-1, ...lists.flat().map(({ epoch }) => epoch));
}

export interface SeenEpochs {
  /** Of snapshots and order logs, `restore`d ones included; −1: none was. */
  readonly highest: number;
  /** The newest incarnation of topics in the archive; −1: none. */
  readonly archived: number;
}

/** A fresh broker opens the epoch after the highest one seen; any other start goes on in it. */
export function chooseEpoch({ highest, archived }: SeenEpochs, isFreshBroker: boolean): Epoch {
  if (!isFreshBroker) return { current: Math.max(0, highest), incarnation: Math.max(0, archived), openNew: false };
  const current = highest + 1;
  const fresh = { current, incarnation: current, openNew: true };
  return highest < 0 ? fresh : { ...fresh, previous: { epoch: highest } };
}
