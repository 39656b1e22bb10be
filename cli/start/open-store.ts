import { join } from 'node:path';
import type { ClickHouseClient } from '@clickhouse/client';
import { createClickHouseStore } from '../../checkpoints/clickhouse.ts';
import { createFsStore } from '../../checkpoints/fs.ts';
import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { RunContext } from './context.ts';

/** The snapshot store as the configuration has it; one in ClickHouse leaves the client open. */
export async function openStore(
  { config, clock, logger }: Pick<RunContext, 'config' | 'clock' | 'logger'>,
  clickhouse: () => Promise<ClickHouseClient>,
): Promise<CheckpointStore> {
  const { keep, store, dir } = config.snapshots;
  if (store === 'clickhouse')
    return createClickHouseStore({
      ...{ client: await clickhouse(), database: config.clickhouse.database },
      ...{ keep, clock, logger },
    });
  return createFsStore({ folder: dir || join(config.embedded.dataDir, 'snapshots'), keep, clock, logger });
}
