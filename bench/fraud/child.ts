// The process that `bench -- fraud` measures, told everything as JSON in its first argument: the fraud pipeline as millrace runs it, from
// bytes at hand (fold) or from a broker to `millrace.decisions` (task), or its decode stage alone (decode).
import { createFsStore } from '../../checkpoints/fs.ts';
import { decoderOf } from '../../cli/start/decoder-of.ts';
import { foldOf } from '../../cli/start/fold-of.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import { orderTopic, rulesTopic } from '../../events/topics.ts';
import { openKafka } from '../../kafka/open.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import { EntryLog, type LoggedRecord } from '../../streams/entry-log.ts';
import type { Fold, FoldEntry, FoldOutput } from '../../tasks/contract.ts';
import { createTaskService } from '../../tasks/service.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { brokerPartitions } from '../broker.ts';
import { report, setupOf } from '../measured-process.ts';
import { type Measured, Meter } from '../meter.ts';
import { type PaymentsOptions, benchRules, clockMsOf, seededPayments } from './payments.ts';
import { type Stages, measureStages } from './stages.ts';

export interface FraudSetup extends PaymentsOptions {
  readonly mode: 'fold' | 'decode' | 'stages' | 'task';
  /** Of `fold` alone: partitions that the payments come from; those of the broker unless given. */
  readonly partitions?: number;
  /** Of `task` alone. */
  readonly brokers?: string;
  readonly isEmbedded?: boolean;
  readonly folder?: string;
}

export interface FraudMeasured extends Measured {
  readonly decisions: number;
  readonly bytesPerDecision: number;
  readonly counters: Readonly<Record<string, number>>;
}

const setup = setupOf<FraudSetup>();
const { mode, payments } = setup;
const config = loadConfig({ file: undefined, env: {}, checkSecrets: false });
const processor = processorsOf(config).find(({ name }) => name === 'fraud') as AnyProcessor;
const { entryRecordsMax: entryRecords = config.tasks.entryRecordsMax } = processor;
const meter = new Meter(payments);

report(await { fold: runFold, decode: runDecode, stages: runStages, task: runTask }[mode]());

/** Rules first, then the payments, by the partition of their card. */
function entries(): readonly FoldEntry[] {
  const { partitions = brokerPartitions } = setup;
  const names = Array.from({ length: partitions }, (_, partition) => `payments-${partition}`);
  const rules = `${rulesTopic}-0`;
  const log = new EntryLog([rules, ...names]);
  const made = [
    log.append({ clockMs: clockMsOf(0), records: benchRules().map((value) => ({ partition: rules, value })) }),
  ];
  let waiting: LoggedRecord[] = [];
  let count = 0;
  const append = (): void => {
    // As a chooser would: a run of each partition.
    waiting.sort((a, b) => ((a.partition ?? '') < (b.partition ?? '') ? -1 : a.partition === b.partition ? 0 : 1));
    made.push(log.append({ clockMs: clockMsOf(count), records: waiting }));
    waiting = [];
  };
  for (const value of seededPayments(setup)) {
    count += 1;
    const partition = names[partitionOf(Buffer.from(value.key), partitions)] as string;
    waiting.push({ partition, key: value.key, value });
    if (waiting.length === entryRecords) append();
  }
  if (waiting.length > 0) append();
  return made;
}

async function runFold(): Promise<FraudMeasured> {
  const fold = foldOf({ config, env: {}, isEmbeddedBroker: false }, processor, 0);
  let [done, decisions, bytes] = [0, 0, 0];
  const all = entries();
  meter.begin();
  for (const entry of all) {
    const outputs = fold.fold(entry);
    decisions += outputs.length;
    for (const output of outputs) bytes += bytesOf(output);
    for (const batch of entry.batches) done += batch.count;
    meter.done(done);
    // As a task does: outputs are released once they are acknowledged, and others have their turn between two entries.
    for (const output of outputs) output.release?.();
    await new Promise(setImmediate);
  }
  const counters = fold.counters();
  return { ...meter.end(), decisions, bytesPerDecision: Math.round(bytes / decisions), counters: checked(counters) };
}

async function runDecode(): Promise<Measured> {
  const decode = decoderOf(processor);
  const all = entries();
  let done = 0;
  meter.begin();
  for (const entry of all)
    for (const { bytes, valueStart, valueEnd, count } of entry.batches) {
      for (let i = 0; i < count; i++) decode(bytes, valueStart[i] as number, valueEnd[i] as number);
      meter.done((done += count));
    }
  return Promise.resolve(meter.end());
}

async function runStages(): Promise<Stages> {
  return Promise.resolve(measureStages(setup));
}

async function runTask(): Promise<FraudMeasured> {
  const { brokers = '', isEmbedded = false, folder = '' } = setup;
  const [clock, logger, metrics] = [systemClock, createLogger('warn', false), createMetrics()];
  const kafka = await openKafka({
    ...{
      driver: 'node-rdkafka',
      reader: 'direct',
      sender: 'direct',
      brokers,
      isEmbedded,
      clientId: 'bench-fraud',
      logger,
      metrics,
      clock,
    },
  });
  let fold: Fold | undefined;
  let [decisions, bytes, done] = [0, 0, 0];
  const counting = (of: Fold): Fold => ({
    ...of,
    fold(entry) {
      if (entry.batches.some(({ topic }) => topic === 'payments')) meter.begin();
      const outputs = of.fold(entry);
      decisions += outputs.length;
      for (const output of outputs) bytes += bytesOf(output);
      for (const batch of entry.batches) done += batch.count;
      meter.done(done);
      return outputs;
    },
  });
  const topic = orderTopic(processor.name, processor.version);
  const producer = await kafka.producer();
  const { queueBytesMax } = config.tasks;
  const waits = isEmbedded ? { inputs: 20, order: 5 } : { inputs: 100, order: 100 };
  const service = createTaskService({
    createFold: () =>
      (fold = counting(foldOf({ config, env: {}, isEmbeddedBroker: isEmbedded, metrics }, processor, 0))),
    shards: 1,
    membership: await kafka.membership({ groupId: 'bench-fraud', topics: [topic], kind: 'solo' }),
    ...{ orderTopic: topic, startFrom: 'earliest', epoch: { current: 1, openNew: true } },
    inputs: await kafka.reader({ fetchWaitMs: waits.inputs, queueBytesMax }),
    order: await kafka.reader({ fetchWaitMs: waits.order, queueBytesMax }),
    producer,
    orderProducer: await kafka.producer({ lingerMs: 0 }),
    partitionFor: (_topic, key) => partitionOf(Buffer.from(key), brokerPartitions),
    store: await createFsStore({ folder, keep: 3, clock, logger }),
    ...{ clock, random: Math.random, logger, metrics },
    // The partitions of labels are empty: while they are not known to be idle, time stands still and no payment settles.
    tuning: { idleMs: 1_000, clockSkewMaxMs: null, entryRecordsMax: entryRecords },
  });
  await service.start();
  const acknowledged = metrics.counter('millrace_task_outputs_total', 'Results acknowledged.', ['pipeline']);
  for (;;) {
    await clock.sleep(10);
    if ((fold?.counters()['decided'] ?? 0) < payments) continue;
    const { values } = await acknowledged.get();
    if (values.reduce((all, { value }) => all + value, 0) >= decisions) break;
  }
  const counters = checked(fold?.counters() ?? {});
  return { ...meter.end(), decisions, bytesPerDecision: Math.round(bytes / decisions), counters };
}

/** Without a view of them, as a task. */
function bytesOf(output: FoldOutput): number {
  const { start, end } = output;
  return start === undefined || end === undefined ? output.value.length : end - start;
}

/** What is not decided would be counted as fast. */
function checked(counters: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const { decided, rules, dead } = counters;
  if (decided !== payments || rules !== 20 || dead !== 0)
    throw new Error(`decided ${decided} of ${payments} by ${rules} rules, ${dead} dead letters`);
  const names = ['decided', 'approved', 'reviewed', 'declined', 'cards', 'devices', 'terminals', 'alerts_open'];
  return Object.fromEntries(names.map((name) => [name, counters[name] ?? 0]));
}
