// The process that `bench -- windows` measures: one task, as millrace runs it, or one of the bare loops that it is held against. Told
// everything as JSON in its first argument; prints one line of JSON.
import { createFsStore } from '../../checkpoints/fs.ts';
import { readAscii } from '../../cli/start/decoder-of.ts';
import { createDecoder } from '../../events/compiled/decoder.ts';
import { openKafka } from '../../kafka/open.ts';
import { partitionOfText } from '../../kafka/partitioner.ts';
import { createPipeline } from '../../pipeline.ts';
import type { Processor } from '../../processors/processor.ts';
import { createTestMembership } from '../../sinks/clickhouse/testbed-suite.ts';
import type { RecordBatch, Source } from '../../sources/source.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import type { Decode } from '../../streams/ingest.ts';
import { type View, viewsShape } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';
import type { Fold } from '../../tasks/contract.ts';
import { createTaskService } from '../../tasks/service.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { type CardEvent, cardEvents } from './card-events.ts';
import { report, setupOf } from '../measured-process.ts';
import { Meter, type Measured, type Part } from '../meter.ts';

export interface ChildSetup {
  /** task: the whole job; decode: the reader and the decode stage alone; parse: the reader and JSON.parse; read: the reader alone. */
  readonly mode: 'task' | 'decode' | 'parse' | 'read';
  readonly driver: 'node-rdkafka' | 'confluent';
  readonly reader: 'client' | 'direct';
  readonly sender: 'client' | 'direct';
  readonly brokers: string;
  readonly isEmbedded: boolean;
  readonly input: string;
  readonly output: string;
  readonly name: string;
  /** Without the closing records. */
  readonly events: number;
  readonly partitions: number;
  readonly dedupeIdsMax: number | null;
  readonly keysMax: number;
  readonly folder: string;
  /** Of `task`: this process has one of so many shards. Absent: it has all of the one. */
  readonly share?: { readonly shard: number; readonly shards: number };
  /** What counts as the second half, where it is another part of the events than that. */
  readonly part?: Part;
}

export interface ChildResult extends Measured {
  readonly results: number;
  readonly resultsSecondHalf: number;
}

const SIZE_MS = 10_000;
const setup = setupOf<ChildSetup>();
const { mode, driver, reader, sender, brokers, isEmbedded, input, events, partitions } = setup;
const share = setup.share ?? { shard: 0, shards: 1 };
const total = events + partitions;
const logger = createLogger('warn', false);
const metrics = createMetrics();
const clock = systemClock;
const [clientId, services] = [setup.name, { logger, metrics, clock }];
const kafka = await openKafka({ driver, reader, sender, brokers, isEmbedded, clientId, ...services });
const fieldsRead = Object.fromEntries([...cardEvents.keys()].map((type) => [type, ['amountMinor']]));
const decoder = createDecoder({ readAscii, fieldsRead, types: cardEvents });
const lending = createDecoder({ readAscii, fieldsRead, types: cardEvents, lends: true });

/** From the first record on, as the other engines are measured. */
const meter = new Meter(Math.round(events / share.shards), setup.part);
let [results, resultsSecondHalf] = [0, 0];
await (mode === 'task' ? runTask() : runBare());
const measured: ChildResult = { ...meter.end(), results, resultsSecondHalf };
report(measured);

async function runBare(): Promise<void> {
  const source = await kafka.reader({ queueBytesMax: 2 << 20 });
  const take = takerOf();
  let read = 0;
  const streams = Array.from({ length: partitions }, (_, partition) => source.read({ topic: input, partition }, 0n));
  while (read < total) {
    await source.wait(1_000);
    for (const stream of streams)
      for (let batch = stream.poll(); batch !== null; batch = stream.poll()) {
        meter.begin();
        take(batch);
        read += batch.count;
        meter.done(read);
      }
  }
}

function takerOf(): (batch: RecordBatch) => void {
  let sink = 0;
  if (mode === 'read') return ({ count: records }) => void (sink += records);
  if (mode === 'parse')
    return ({ bytes, valueStart, valueEnd, count: records }) => {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let i = 0; i < records; i++)
        sink += (JSON.parse(buffer.toString('utf8', valueStart[i], valueEnd[i])) as CardEvent).amountMinor;
    };
  return ({ bytes, valueStart, valueEnd, count: records }) => {
    for (let i = 0; i < records; i++) {
      const decoded = decoder.decode(bytes, valueStart[i] as number, valueEnd[i] as number);
      if (decoded.kind === 'event') sink += (decoded.event as unknown as CardEvent).amountMinor;
    }
  };
}

async function runTask(): Promise<void> {
  const orderTopic = `order.${setup.name}`;
  let fold: Fold | undefined;
  const producer = await kafka.producer({ lingerMs: 50 });
  const resultPartitions = await producer.partitionCount(setup.output);
  const reading = async (fetchWaitMs: number): Promise<Source> => kafka.reader({ fetchWaitMs, queueBytesMax: 2 << 20 });
  const wanted = await recordsOf(await reading(100));
  const service = createTaskService({
    createFold: (shard) => {
      const made = metered(createFold(shard));
      if (shard === share.shard) fold = made;
      return made;
    },
    shards: share.shards,
    // One process a shard, from the beginning: what a group costs while it deals out tasks is not measured.
    membership: createTestMembership([{ topic: orderTopic, partition: share.shard }]),
    orderTopic,
    startFrom: 'earliest',
    epoch: { current: 1, openNew: true },
    inputs: await reading(100),
    order: await reading(100),
    producer,
    orderProducer: await kafka.producer({ lingerMs: 0 }),
    partitionFor: (_topic, key) => partitionOfText(key, resultPartitions),
    store: await createFsStore({ folder: setup.folder, keep: 3, clock, logger }),
    clock,
    random: Math.random,
    logger,
    metrics,
    tuning: { idleMs: 600_000, clockSkewMaxMs: null },
  });
  await service.start();
  const acknowledged = metrics.counter('millrace_task_outputs_total', 'Results acknowledged.', ['pipeline']);
  for (;;) {
    await clock.sleep(10);
    if ((fold?.counters()['in'] ?? 0) < wanted) continue;
    const { values } = await acknowledged.get();
    if (values.reduce((all, { value }) => all + value, 0) >= results) return;
  }
}

/** In the partitions of the input that are ours. */
async function recordsOf(source: Source): Promise<number> {
  let records = 0;
  for (let partition = share.shard; partition < partitions; partition += share.shards)
    records += Number((await source.bounds({ topic: input, partition })).endOffset);
  return records;
}

function metered(fold: Fold): Fold {
  let read = 0;
  return {
    ...fold,
    fold(entry) {
      if (entry.batches.length > 0) meter.begin();
      const outputs = fold.fold(entry);
      results += outputs.length;
      if (meter.isInSecondHalf) resultsSecondHalf += outputs.length;
      for (const batch of entry.batches) read += batch.count;
      meter.done(read);
      return outputs;
    },
  };
}

function createFold(shard: number): Fold {
  const views: readonly View<CardEvent>[] = [
    {
      name: 'card',
      keyOf: ({ key }) => key,
      fields: [
        ['count', field(count, () => null)],
        ['sumMinor', field(sum, ({ amountMinor }: CardEvent) => amountMinor)],
      ],
      outputs: [{ name: 'card_10s', window: { kind: 'tumbling', sizeMs: SIZE_MS } }],
    },
  ];
  const topics = { windows: setup.output, provisional: `${setup.output}-open`, late: `${setup.output}-late` };
  const limits = {
    allowedLatenessMs: 0,
    provisionalEveryMs: 1e15,
    keysMax: setup.keysMax,
    cellsMax: setup.keysMax * 4,
  };
  const processor: Processor<CardEvent> = {
    ...{ name: 'windows-bench', version: 1, inputs: [input], eventTypes: [...cardEvents.keys()] },
    ...{ stateShape: viewsShape(views), acceptsBehindMs: SIZE_MS, fieldsRead, shardedBy: 'message-key' },
    create: () => windowed({ ...limits, views, topics }),
  };
  return createPipeline<CardEvent>({
    processor,
    decode: ((bytes, start, end) => decoder.decode(bytes, start, end)) as Decode<unknown> as Decode<CardEvent>,
    lendingDecode: ((bytes, start, end) => lending.decode(bytes, start, end)) as Decode<unknown> as Decode<CardEvent>,
    clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
    outOfOrdernessMs: 5_000,
    // Ids go by whole minutes: of 10,000 events a second some 950,000 are held at most, and one more than a million would be refused.
    dedupe: setup.dedupeIdsMax === null ? null : { horizonMs: 30_000, idsMax: setup.dedupeIdsMax },
    ...{ shard, shards: share.shards },
  });
}
