// 10 s tumbling windows by key, count and sum, from a Kafka topic to a result topic, with order log, snapshots and watermark: the job
// that /peers/ runs in Flink and Kafka Streams. Every engine's results are compared with an independent count, window by window.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brokerPartitions, openBroker, embeddedRecordsMax, startBroker } from '../broker.ts';
import { runMeasured } from '../measured-process.ts';
import type { ChildResult, ChildSetup } from './service-child.ts';
import { generate } from './generate.ts';
import { compareWindows, type Difference } from './truth.ts';

export interface WindowsResult extends ChildResult {
  readonly bench: 'windows';
  readonly broker: string;
  readonly keys: number;
  readonly dedupeIdsMax: number | null;
  readonly reader: string;
  readonly sender: string;
  /** Our events per CPU-second over theirs, second halves (the JVM's warm-up is not counted), and over the bare direct reader + compiled decode. */
  readonly ratios: Readonly<Record<'bare' | 'flink' | 'kafkaStreams', number | null>>;
  readonly others: Readonly<Record<string, unknown>>;
  readonly difference: Readonly<Record<string, Difference>>;
}

const partitions = brokerPartitions;

export async function benchWindows(args: readonly string[]): Promise<WindowsResult> {
  const options = optionsOf(args);
  const { keys, peers, say } = options;
  const folder = await mkdtemp(join(tmpdir(), 'millrace-windows-'));
  const broker = await startBroker();
  try {
    const { brokers, isEmbedded } = broker;
    if (peers && isEmbedded)
      throw new Error('--peers needs a real broker: Kafka 4.1 was not found, see CONTRIBUTING.md');
    const events = isEmbedded ? Math.min(options.events, embeddedRecordsMax) : options.events;
    say(`generating ${events} events of ${keys} keys`);
    if (peers) runPeer(peers, 'gen.sh', brokers, ['--topic', 'in', '--events', `${events}`, '--keys', `${keys}`]);
    else await generate({ brokers, isEmbedded, topic: 'in', events, keys, partitions });
    const base = {
      ...options.base,
      brokers,
      isEmbedded,
      input: 'in',
      events,
      partitions,
      keysMax: Math.max(20_000, 2 * keys),
    };
    const child = (mode: ChildSetup['mode'], output: string): Promise<ChildResult> =>
      runMeasured({
        file: 'windows/service-child.ts',
        node: options.node,
        setup: { ...base, mode, output, name: `bench-${output}`, folder: join(folder, output) },
      });
    say('the bare direct reader and the compiled decoder');
    const bare = await child('decode', 'bare');
    say('millrace');
    const ours = await child('task', 'out-millrace');
    const others: Record<string, Peer> = {};
    for (const [name, [script, more]] of Object.entries(peers ? peerRuns : {})) {
      say(name);
      const asked = ['--input', 'in', '--output', `out-${name}`, '--events', `${events}`, ...more];
      others[name] = JSON.parse(runPeer(peers as string, script, brokers, asked)) as Peer;
    }
    say('comparing results');
    const outputs = ['out-millrace', ...Object.keys(others).map((name) => `out-${name}`)];
    const client = await openBroker(broker);
    const difference = await compareWindows(client, { input: 'in', outputs });
    await client.close();
    const rate = ours.eventsPerCpuSecondSecondHalf;
    const over = (other: number | undefined): number | null =>
      other ? Math.round((rate / other) * 1_000) / 1_000 : null;
    return {
      ...{ bench: 'windows', broker: broker.name, keys, dedupeIdsMax: base.dedupeIdsMax },
      ...{ reader: base.reader, sender: base.sender },
      ...ours,
      ratios: {
        bare: over(bare.eventsPerCpuSecondSecondHalf),
        flink: over(others['flink']?.events_per_cpu_s_after_warmup),
        kafkaStreams: over(others['kafkaStreams']?.events_per_cpu_s_after_warmup),
      },
      others: { bare, ...others },
      difference,
    };
  } finally {
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Peer {
  readonly events_per_cpu_s_after_warmup?: number;
}

const peerRuns: Readonly<Record<string, readonly [script: string, args: readonly string[]]>> = {
  flink: ['flink.sh', []],
  kafkaStreams: ['ks.sh', ['--store', 'memory']],
};

/** The last line that the script prints. */
function runPeer(folder: string, script: string, brokers: string, args: readonly string[]): string {
  const env = { ...process.env, B: brokers };
  const said = execFileSync(join(folder, script), args, {
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 600_000,
  });
  return said.trim().split('\n').at(-1) ?? '{}';
}

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string', default: '10000000' },
      keys: { type: 'string', default: '10000' },
      peers: { type: 'string' },
      dedupe: { type: 'string' },
      reader: { type: 'string', default: 'direct' },
      sender: { type: 'string', default: 'direct' },
      driver: { type: 'string', default: 'node-rdkafka' },
      node: { type: 'string', default: process.execPath },
      json: { type: 'boolean', default: false },
    },
  });
  const base = {
    reader: values.reader as 'client' | 'direct',
    sender: values.sender as 'client' | 'direct',
    driver: values.driver as 'node-rdkafka' | 'confluent',
    dedupeIdsMax: values.dedupe === undefined ? null : Number(values.dedupe),
  };
  const say = values.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
  return {
    events: Number(values.events),
    keys: Number(values.keys),
    peers: values.peers,
    node: values.node,
    base,
    say,
  };
}
