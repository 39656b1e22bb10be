// What an event costs as the job grows: tumbling windows from Kafka at 1, 10 and 100 times the keys, over 1, 2 and 4 partitions, in 1 and 2
// processes; decisions at 1, 10 and 100 times the cards and over 1, 2 and 4 partitions. (The fraud pipeline is one task, so one process: a card, a
// device and a terminal of one payment are three keys.)
// Windows grow in two ways. The same traffic spread over more keys makes more results of the same events, for a window of a key holds fewer; more
// keys that each do what they did are more traffic, and an event makes what it made.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Kafka } from '../kafka/contract.ts';
import { openBroker, startBroker } from './broker.ts';
import type { FraudMeasured, FraudSetup } from './fraud/child.ts';
import { runMeasured } from './measured-process.ts';
import { type Measured, type Part, rounded, together } from './meter.ts';
import { cardEventsPerSecond } from './windows/card-events.ts';
import { generate } from './windows/generate.ts';
import type { ChildResult, ChildSetup } from './windows/service-child.ts';
import { compareWindows, type Difference } from './windows/truth.ts';

/** Its own figures are those of all runs together. */
export interface GrowthResult extends Measured {
  readonly bench: 'growth';
  readonly broker: string;
  /** The same events a second, of more keys. */
  readonly windows: readonly Grown[];
  /** The same events a second of each key, of more keys. */
  readonly windowsOfSameResults: readonly Grown[];
  readonly fraud: readonly Grown[];
  /** How much dearer an event is than with the fewest keys, over how much larger the logarithm of the keys is; the worst. Goal: at most 1. */
  readonly overLogOfKeys: Readonly<Record<'windows' | 'windowsOfSameResults' | 'fraud', number>>;
  /** The same as `overLogOfKeys`. */
  readonly ratios: GrowthResult['overLogOfKeys'];
  readonly isWithinGoal: boolean;
}

interface Grown {
  readonly keys: number;
  readonly partitions: number;
  readonly processes: number;
  /** So many of event time; null for decisions. */
  readonly eventsPerSecond: number | null;
  /** Of CPU, an event, in the second half. */
  readonly microseconds: number;
  readonly eventsPerCpuSecond: number;
  readonly wallSeconds: number;
  readonly peakRssMb: number;
  /** What an event makes, in the second half: where more keys share the same events, nearly a window each. */
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

/** Windows of 10 s that the part which counts sees end: the fewer, the more keys, for one of a million keys holds ten million events. */
const windowsOfSameResults = [
  { keys: 10_000, windows: 15 },
  { keys: 100_000, windows: 3 },
  { keys: 1_000_000, windows: 1 },
];
const windowSeconds = 10;
/** A window ends for good 13 s after it began (events are up to 2 s late, the watermark is 5 s behind): one has, before what counts begins. */
const warmUpSeconds = 14.5;
/** What counts ends before the records that close all windows at once. */
const restSeconds = 0.5;

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
    const ofSameResults: Grown[] = [];
    const grow = async (into: Grown[], run: WindowsRun): Promise<void> => {
      say(`windows: ${JSON.stringify(run)}`);
      const [grew, runs] = await growWindows(kafka, { ...run, brokers: broker.brokers, folder });
      into.push(grew);
      all.push(...runs);
    };
    for (const size of windowSizes) await grow(windows, { ...size, events, eventsPerSecond: cardEventsPerSecond });
    for (const { keys, windows: ended } of windowsOfSameResults)
      await grow(ofSameResults, { ...base, keys, ...sameResults(keys, ended) });
    await kafka.close();
    const fraud: Grown[] = [];
    for (const size of fraudSizes) {
      say(`fraud: ${JSON.stringify(size)}`);
      const setup: FraudSetup = { mode: 'fold', payments, cards: size.keys, partitions: size.partitions };
      const run = await runMeasured<FraudMeasured>({ file: 'fraud/child.ts', setup });
      fraud.push(grown(size, [run], null));
      all.push(run);
    }
    const overLogOfKeys = {
      windows: overLog(windows),
      windowsOfSameResults: overLog(ofSameResults),
      fraud: overLog(fraud),
    };
    const isWithinGoal = Object.values(overLogOfKeys).every((over) => over <= 1);
    const tables = {
      windows,
      windowsOfSameResults: ofSameResults,
      fraud,
      overLogOfKeys,
      ratios: overLogOfKeys,
      isWithinGoal,
    };
    return { bench: 'growth', broker: broker.name, ...together(all), ...tables };
  } finally {
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface WindowsRun extends Size {
  readonly events: number;
  /** Of event time. */
  readonly eventsPerSecond: number;
  readonly part?: Part;
}

/** Each key has an event a second, as each of 10,000 has, and so many windows end in the part that counts. */
function sameResults(keys: number, windows: number): Pick<WindowsRun, 'events' | 'eventsPerSecond' | 'part'> {
  const eventsPerSecond = (keys * cardEventsPerSecond) / base.keys;
  const endSeconds = warmUpSeconds + windows * windowSeconds;
  const part = { from: warmUpSeconds * eventsPerSecond, to: endSeconds * eventsPerSecond };
  return { events: (endSeconds + restSeconds) * eventsPerSecond, eventsPerSecond, part };
}

async function growWindows(
  kafka: Kafka,
  { brokers, folder, part, ...run }: WindowsRun & { readonly brokers: string; readonly folder: string },
): Promise<readonly [Grown, readonly Measured[]]> {
  const { events, eventsPerSecond, ...size } = run;
  const { keys, partitions, processes } = size;
  const name = `${keys}-${partitions}-${processes}-${eventsPerSecond}${part ? '-part' : ''}`;
  const [input, output] = [`in-${name}`, `out-${name}`];
  const topics = [input, output].map((topic) => ({ topic, partitions, settings: {} }));
  await kafka.admin?.createTopics([...topics, { topic: `order.${name}`, partitions: processes, settings: {} }]);
  await generate({ brokers, isEmbedded: false, topic: input, events, keys, partitions, eventsPerSecond });
  const of = (shard: number): ChildSetup => ({
    ...{ mode: 'task', driver: 'node-rdkafka', reader: 'direct', sender: 'direct', brokers, input, output, name },
    isEmbedded: false,
    ...{ events, partitions, dedupeIdsMax: null, keysMax: 2 * keys + 20_000, folder: join(folder, `${name}-${shard}`) },
    ...(processes > 1 && { share: { shard, shards: processes } }),
    ...(part && { part }),
  });
  const runs = await Promise.all(
    Array.from({ length: processes }, (_, shard) =>
      runMeasured<ChildResult>({ file: 'windows/service-child.ts', setup: of(shard) }),
    ),
  );
  const difference = (await compareWindows(kafka, { input, outputs: [output] }))[output];
  const results = runs.reduce((sum, one) => sum + one.resultsSecondHalf, 0);
  const counted = part ? part.to - part.from : events / 2;
  const own = { eventsPerSecond, resultsPerEvent: rounded(results / counted, 3) };
  return [{ ...grown(size, runs, difference ?? null), ...own }, runs];
}

function grown(size: Size, runs: readonly (Measured | ChildResult)[], difference: Difference | null): Grown {
  // Of two processes each half is measured by itself: so many events, so many seconds of both.
  const rates = runs.map(({ eventsPerCpuSecondSecondHalf }) => eventsPerCpuSecondSecondHalf);
  const rate = rates.length / rates.reduce((sum, one) => sum + 1 / one, 0);
  return {
    ...size,
    eventsPerSecond: null,
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
