// How fast one core folds interactions into recommendations, from bytes: `npx tsx bench/recommendations.ts clicks.csv.gz [records]`
// (the columns of config/mappings/globo-clicks.yaml). The fold alone is timed, in CPU of all threads.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { decodeEvent } from '../events/decode.ts';
import type { Interaction } from '../events/interaction.ts';
import { createPipeline, type PipelineOptions } from '../pipeline.ts';
import { recommendations } from '../processors/recommendations/recommendations.ts';
import { EntryLog, type LoggedRecord } from '../streams/entry-log.ts';

const [file = '', recordsMax = '400000'] = process.argv.slice(2);
const entryRecords = 5_000;
/** The logged clock goes on as if so many were folded in a ms. */
const recordsPerMs = 20;

const pipeline = createPipeline<Interaction>({
  processor: recommendations({
    ...{ keysMax: 1_000_000, halfLifeMs: 1_800_000, coVisitWindowMs: 86_400_000, sessionGapMs: 1_800_000 },
    ...{ trendingEveryMs: 2_000, coVisitedEveryMs: 10_000, listItemsMax: 12 },
  }),
  decode: decodeEvent as PipelineOptions<Interaction>['decode'],
  clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
  outOfOrdernessMs: 5_000,
  dedupe: { horizonMs: 7_200_000, idsMax: 4_000_000 },
  ...{ shard: 0, shards: 1 },
});
const log = new EntryLog(['interactions-0']);
let clockMs = Date.now();
let records: LoggedRecord[] = [];
let cpuMs = 0;
let lists = 0;

function fold(): void {
  const entry = log.append({ clockMs: (clockMs += records.length / recordsPerMs), records });
  const before = process.cpuUsage();
  lists += pipeline.fold(entry).length;
  const { user, system } = process.cpuUsage(before);
  cpuMs += (user + system) / 1_000;
  records = [];
}

const lines = createInterface({ input: createReadStream(file).pipe(createGunzip()) });
let count = -1;
for await (const line of lines) {
  if (count++ < 0) continue;
  const [at, sessionId, , userId, itemId] = line.split(',');
  const event = {
    ...{ id: `${sessionId}-${itemId}-${at}`, type: 'interaction', version: 1, source: 'globo', key: userId },
    ...{ eventTimeMs: Number(at), action: 'click', userId, sessionId, itemId },
  };
  records.push({ partition: 'interactions-0', value: event });
  if (records.length === entryRecords) fold();
  if (count === Number(recordsMax)) break;
}
fold();
const { folded = 0 } = pipeline.counters();
console.log(`${folded} folded, ${lists} lists, ${(folded / cpuMs).toFixed(1)} k records/CPU-s`);
