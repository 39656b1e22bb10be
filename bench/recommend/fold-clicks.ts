import { decodeEvent } from '../../events/decode.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Interaction } from '../../events/interaction.ts';
import { createPipeline, type PipelineOptions } from '../../pipeline.ts';
import { recommendations } from '../../processors/recommendations/recommendations.ts';
import { EntryLog, type LoggedRecord } from '../../streams/entry-log.ts';
import type { HeldRecord } from '../batch-source.ts';
import { type Measured, peakRssMb, rounded, secondsOf } from '../meter.ts';
import { type ClicksOptions, clickClockMs, seededClicks } from './clicks.ts';

/** The measure is of the folding alone. */
export interface Folded extends Measured {
  /** CPU of one more interaction, lists that it publishes included, in the last quarter: everything is there then. */
  readonly updateMicroseconds: number;
  /** The newest list of each kind and key, the one that came last last. */
  readonly lists: readonly HeldRecord[];
}

const entryRecords = 1_000;
const partition = 'interactions-0';

/** Folds all interactions, in entries of a thousand; only the folding is timed. */
export async function foldClicks(options: ClicksOptions): Promise<Folded> {
  const pipeline = createPipeline<Interaction>({
    processor: recommendations({
      ...{ keysMax: 2_000_000, halfLifeMs: 1_800_000, coVisitWindowMs: 86_400_000, sessionGapMs: 1_800_000 },
      ...{ trendingEveryMs: 2_000, coVisitedEveryMs: 10_000, listItemsMax: 12 },
    }),
    decode: decodeEvent as PipelineOptions<Interaction>['decode'],
    clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
    ...{ outOfOrdernessMs: 5_000, dedupe: { horizonMs: 7_200_000, idsMax: 8_000_000 }, shard: 0, shards: 1 },
  });
  const log = new EntryLog([partition]);
  const lists = new Map<string, HeldRecord>();
  const { clicks } = options;
  let [cpuSeconds, wallSeconds, secondHalfSeconds, lastQuarterSeconds, done] = [0, 0, 0, 0, 0];
  let records: LoggedRecord[] = [];
  const fold = (): void => {
    done += records.length;
    const entry = log.append({ clockMs: clickClockMs(done), records });
    const [before, startedMs] = [process.cpuUsage(), performance.now()];
    const outputs = pipeline.fold(entry);
    const spent = secondsOf(process.cpuUsage(before));
    cpuSeconds += spent;
    wallSeconds += (performance.now() - startedMs) / 1_000;
    if (done > clicks * 0.5) secondHalfSeconds += spent;
    if (done > clicks * 0.75) lastQuarterSeconds += spent;
    for (const { topic, key, value } of outputs) {
      if (topic !== resultTopics.recommendations) continue;
      lists.delete(key);
      lists.set(key, { timestampMs: clickClockMs(done), key: Buffer.from(key), value });
    }
    records = [];
  };
  for (const value of seededClicks(options)) {
    records.push({ partition, key: value.key, value });
    if (records.length < entryRecords) continue;
    fold();
    if (done % 100_000 === 0) await new Promise(setImmediate);
  }
  if (records.length > 0) fold();
  const { folded = 0 } = pipeline.counters();
  if (folded !== clicks) throw new Error(`folded ${folded} of ${clicks} interactions`);
  return {
    ...{ events: clicks, wallSeconds: rounded(wallSeconds), cpuSeconds: rounded(cpuSeconds) },
    eventsPerCpuSecond: Math.round(clicks / cpuSeconds),
    eventsPerCpuSecondSecondHalf: Math.round(clicks / 2 / secondHalfSeconds),
    ...{ peakRssMb: peakRssMb(), node: process.version },
    updateMicroseconds: rounded((lastQuarterSeconds * 1e6) / (clicks * 0.25)),
    lists: [...lists.values()],
  };
}
