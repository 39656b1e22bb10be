import type { Config } from '../../config/schema.ts';
import { type AnyProcessor, processors } from '../../processors/index.ts';
import { asRun } from './routed.ts';

/** The processors that this configuration runs, in the order of the page. */
export function processorsOf({ time, limits, pipelines }: Config): readonly AnyProcessor[] {
  const { allowedLatenessMs, provisionalEveryMs, outOfOrdernessMs } = time;
  const { keysMax } = limits;
  const { coolDownMs, alertUpdateEveryMs } = pipelines.fraud;
  const { enabled: _on, version: _version, ...recommendations } = pipelines.recommendations;
  const { seriesMax, anomalyScore, warmUpMs, alarmsPerDayMax } = pipelines.predictions;
  const chosen: Readonly<
    Record<string, { readonly enabled: boolean; readonly version?: number; readonly shards?: number }>
  > = pipelines;
  const all = processors({
    revenue: { allowedLatenessMs, provisionalEveryMs, keysMax },
    fraud: { keysMax, coolDownMs, alertUpdateEveryMs },
    recommendations: { keysMax, ...recommendations },
    predictions: {
      ...{ allowedLatenessMs, outOfOrdernessMs, seriesMax },
      ...{ limit: anomalyScore, warmUpMinutes: Math.ceil(warmUpMs / 60_000), alarmsPerDayMax },
    },
  });
  const versioned = all.map((processor): AnyProcessor => {
    const version = Math.max(processor.version, chosen[processor.name]?.version ?? 1);
    return { ...processor, version, shards: chosen[processor.name]?.shards ?? 1 };
  });
  return versioned.filter(({ name }) => chosen[name]?.enabled ?? true).flatMap(asRun);
}
