import { join } from 'node:path';
import { createFsStore } from '../../checkpoints/fs.ts';
import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { RunContext } from './context.ts';

/** The snapshot store as the configuration has it. */
export function openStore({
  config,
  clock,
  logger,
}: Pick<RunContext, 'config' | 'clock' | 'logger'>): Promise<CheckpointStore> {
  const folder = config.snapshots.dir || join(config.embedded.dataDir, 'snapshots');
  return createFsStore({ folder, keep: config.snapshots.keep, clock, logger });
}
