import { storedLists } from '../../sinks/clickhouse/stored-lists.ts';
import type { LiveGateway } from '../../sinks/websocket/gateway.ts';
import type { StoredLists } from '../../sinks/websocket/recommendation-channels.ts';
import type { NewestList } from '../../sources/http/recommendations-route.ts';
import type { RunContext } from './context.ts';
import type { Infrastructure } from './infrastructure.ts';
import { processorsOf } from './processors-of.ts';

/** Lists as ClickHouse has them, of the version that runs here. */
export function storedListsOf(parts: RunContext & { readonly infrastructure: Infrastructure }): StoredLists {
  const { infrastructure, config } = parts;
  const version = processorsOf(config).find(({ name }) => name === 'recommendations')?.version ?? 1;
  const from = { client: infrastructure.clickhouse, database: config.clickhouse.database };
  return (list, of) => storedLists(from, { pipeline: 'recommendations', version, list, ...of });
}

/** What the live gateway of this process knows, a few milliseconds old; else what is stored. */
export const newestListOf =
  (gateway: () => LiveGateway | null, stored: StoredLists): NewestList =>
  async (list, key) => {
    const held = gateway()?.heldList(list, key);
    return held === undefined ? ((await stored(list, { key }))[0] ?? null) : held;
  };
