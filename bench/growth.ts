// What an event costs as the job grows: tumbling windows from Kafka at 1, 10 and 100 times the keys, over 1, 2 and 4 partitions, in 1 and 2
// processes; decisions at 1, 10 and 100 times the cards and over 1, 2 and 4 partitions. (The fraud pipeline is one task, so one process: a card, a
// device and a terminal of one payment are three keys.)
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Kafka } from '../kafka/contract.ts';
import { openBroker, startBroker } from './broker.ts';
import type { FraudMeasured, FraudSetup } from './fraud/child.ts';
import { runMeasured } from './measured-process.ts';
import { type Measured, rounded, together } from './meter.ts';
import { generate } from './windows/generate.ts';
import type { ChildResult, ChildSetup } from './windows/service-child.ts';
import { compareWindows, type Difference } from './windows/truth.ts';

/** Its own figures are those of all runs together. */
export interface GrowthResult extends Measured {
  readonly bench: 'growth';
  readonly broker: string;
  readonly windows: readonly Grown[];
  readonly fraud: readonly Grown[];
  /** How much dearer an event is than with the fewest keys, over how much larger the logarithm of the keys is; the worst. Goal: at most 1. */
  readonly overLogOfKeys: { readonly windows: number; readonly fraud: number };
  /** The same as `overLogOfKeys`. */
  readonly ratios: GrowthResult['overLogOfKeys'];
  readonly isWithinGoal: boolean;
}

interface Grown {
  readonly keys: number;
  readonly partitions: number;
  readonly processes: number;
  /** Of CPU, an event, in the second half. */
  readonly microseconds: number;
  readonly eventsPerCpuSecond: number;
  readonly wallSeconds: number;
  readonly peakRssMb: number;
  /** What an event makes: with a hundred times the keys, nearly a window each. */
  readonly resultsPerEvent: number | null;
  /** Windows that are not those of an independent count. */
  readonly wrong: number | null;
}

interface Size {
  readonly keys: number;
  readonly partitions: number;
  readonly processes: number;
}

const base: Size = { keys: 10_000, partitions: 4, processes: 1 };
const windowSizes: readonly Size[] = [
  base,
  { ...base, keys: 100_000 },
  { ...base, keys: 1_000_000 },
  { ...base, partitions: 1 },
  { ...base, partitions: 2 },
  { ...base, processes: 2 },
];
const fraudSizes = windowSizes.filter(({ processes }) => processes === 1);

export async function benchGrowth(args: readonly string[]): Promise<GrowthResult> {
  const { events, payments, say } = optionsOf(args);
  const broker = await startBroker();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-growth-'));
  try {
    if (broker.isEmbedded)
      throw new Error('growth needs a real broker: the embedded one does not keep so many records');
    const kafka = await openBroker(broker);
    const windows: Grown[] = [];
    const all: Measured[] = [];
    for (const size of windowSizes) {
      say(`windows: ${JSON.stringify(size)}`);
      const [grew, runs] = await growWindows(kafka, { ...size, events, brokers: broker.brokers, folder });
      windows.push(grew);
      all.push(...runs);
    }
    await kafka.close();
    const fraud: Grown[] = [];
    for (const size of fraudSizes) {
      say(`fraud: ${JSON.stringify(size)}`);
      const setup: FraudSetup = { mode: 'fold', payments, cards: size.keys, partitions: size.partitions };
      const run = await runMeasured<FraudMeasured>({ file: 'fraud/child.ts', setup });
      fraud.push(grown(size, [run], null));
      all.push(run);
    }
    const overLogOfKeys = { windows: overLog(windows), fraud: overLog(fraud) };
    const isWithinGoal = Object.values(overLogOfKeys).every((over) => over <= 1);
    const tables = { windows, fraud, overLogOfKeys, ratios: overLogOfKeys, isWithinGoal };
    return { bench: 'growth', broker: broker.name, ...together(all), ...tables };
  } finally {
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function growWindows(
  kafka: Kafka,
  {
    events,
    brokers,
    folder,
    ...size
  }: Size & { readonly events: number; readonly brokers: string; readonly folder: string },
): Promise<readonly [Grown, readonly Measured[]]> {
  const { keys, partitions, processes } = size;
  const name = `${keys}-${partitions}-${processes}`;
  const [input, output] = [`in-${name}`, `out-${name}`];
  const topics = [input, output].map((topic) => ({ topic, partitions, settings: {} }));
  await kafka.admin?.createTopics([...topics, { topic: `order.${name}`, partitions: processes, settings: {} }]);
  await generate({ brokers, isEmbedded: false, topic: input, events, keys, partitions });
  const of = (shard: number): ChildSetup => ({
    ...{ mode: 'task', driver: 'node-rdkafka', reader: 'direct', sender: 'direct', brokers, input, output, name },
    isEmbedded: false,
    ...{ events, partitions, dedupeIdsMax: null, keysMax: 2 * keys + 20_000, folder: join(folder, `${name}-${shard}`) },
    ...(processes > 1 && { share: { shard, shards: processes } }),
  });
  const runs = await Promise.all(
    Array.from({ length: processes }, (_, shard) =>
      runMeasured<ChildResult>({ file: 'windows/service-child.ts', setup: of(shard) }),
    ),
  );
  const difference = (await compareWindows(kafka, { input, outputs: [output] }))[output];
  const results = runs.reduce((sum, one) => sum + one.results, 0);
  return [{ ...grown(size, runs, difference ?? null), resultsPerEvent: rounded(results / events, 3) }, runs];
}

function grown(size: Size, runs: readonly (Measured | ChildResult)[], difference: Difference | null): Grown {
  // Of two processes each half is measured by itself: so many events, so many seconds of both.
  const rates = runs.map(({ eventsPerCpuSecondSecondHalf }) => eventsPerCpuSecondSecondHalf);
  const rate = rates.length / rates.reduce((sum, one) => sum + 1 / one, 0);
  return {
    ...size,
    microseconds: rounded(1e6 / rate, 3),
    eventsPerCpuSecond: Math.round(rate),
    wallSeconds: Math.max(...runs.map(({ wallSeconds }) => wallSeconds)),
    peakRssMb: Math.max(...runs.map(({ peakRssMb }) => peakRssMb)),
    resultsPerEvent: null,
    wrong: difference && difference.missing + difference.extra + difference.different,
  };
}

/** As `overLogOfKeys` says, of the runs that differ in their keys alone. */
function overLog(runs: readonly Grown[]): number {
  const byKeys = runs.filter(({ partitions, processes }) => partitions === base.partitions && processes === 1);
  const [first] = byKeys;
  if (!first) return Number.NaN;
  const over = byKeys.map(({ keys, microseconds }) => {
    const dearer = microseconds / first.microseconds;
    return dearer / (Math.log(keys) / Math.log(first.keys));
  });
  return rounded(Math.max(...over.slice(1)), 3);
}

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string', default: '3000000' },
      payments: { type: 'string', default: '300000' },
      json: { type: 'boolean', default: false },
    },
  });
  const say = values.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
  return { events: Number(values.events), payments: Number(values.payments), say };
}
