import type { Config } from '../../config/schema.ts';
import { type AnyProcessor, processors } from '../../processors/index.ts';

/** The processors that this configuration runs, in the order of the page. */
export function processorsOf({ time, limits, pipelines }: Config): readonly AnyProcessor[] {
  const { allowedLatenessMs, provisionalEveryMs } = time;
  const all = processors({ revenue: { allowedLatenessMs, provisionalEveryMs, keysMax: limits.keysMax } });
  return all.filter(({ name }) => name !== 'revenue' || pipelines.revenue.enabled);
}
