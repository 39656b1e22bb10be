import { createHash } from 'node:crypto';
import type { Clock } from '../telemetry/clock.ts';
import { byNewest, isOfTask, snapshotName, superfluous } from './name.ts';
import type { CheckpointStore, SnapshotEntry } from './store.ts';

export interface MemoryStore extends CheckpointStore {
  /** Flips a bit, as a bad disk would. */
  damage(name: string): void;
}

/** Snapshots of tests and sandboxes: gone with the process. */
export function createMemoryStore(options: {
  readonly keep: number;
  readonly clock: Pick<Clock, 'nowMs'>;
}): MemoryStore {
  const held = new Map<string, { readonly entry: SnapshotEntry; readonly bytes: Uint8Array }>();
  const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const listSync = (task: Parameters<CheckpointStore['list']>[0]): SnapshotEntry[] =>
    [...held.values()].flatMap(({ entry }) => (isOfTask(entry, task) ? [entry] : [])).sort(byNewest);
  return {
    async save(id, pieces) {
      const name = snapshotName(id);
      const bytes = new Uint8Array(Buffer.concat(pieces));
      const entry = { ...id, name, sha256: hash(bytes), sizeBytes: bytes.length, savedAtMs: options.clock.nowMs() };
      held.set(name, { entry, bytes });
      for (const old of superfluous(listSync(id), options.keep)) held.delete(old.name);
      return Promise.resolve(entry);
    },
    async load(name) {
      const found = held.get(name);
      const isWhole = found !== undefined && hash(found.bytes) === found.entry.sha256;
      return Promise.resolve(isWhole ? new Uint8Array(found.bytes) : null);
    },
    list: (task) => Promise.resolve(listSync(task)),
    damage(name) {
      const bytes = held.get(name)?.bytes;
      if (bytes && bytes.length > 0) bytes[0] = (bytes[0] ?? 0) ^ 1;
    },
    close: () => Promise.resolve(),
  };
}
