// What reading costs: the client packages' own `consume(n)`, our reader on it, and our Fetch requests; bare, with `JSON.parse`, and with the
// whole decode stage (compiled, validated, upcast). Payments of some 300 bytes.
import { parseArgs } from 'node:util';
import type { KafkaDriver } from '../../kafka/contract.ts';
import { embeddedRecordsMax, startBroker } from '../broker.ts';
import { producePayments } from '../fraud/produce-payments.ts';
import { runMeasured } from '../measured-process.ts';
import { type Measured, rounded } from '../meter.ts';
import type { ConsumeSetup } from './child.ts';

type Loop = Measured & { readonly sum: number };

/** Its own figures are those of the last loop, the direct reader with the whole decode stage. */
export interface ConsumeResult extends Loop {
  readonly bench: 'consume';
  readonly broker: string;
  readonly bytesPerEvent: number;
  /** Events a CPU-second of the process, second half, by loop. */
  readonly loops: Readonly<Record<string, Loop>>;
  readonly ratios: {
    /** Our reader on `consume(n)` over the bare call, node-rdkafka. */
    readonly clientReader: number | null;
    /** Bare direct reader over bare `consume(n)`, node-rdkafka. */
    readonly directBare: number | null;
    /** The same, each with `JSON.parse`. */
    readonly directParsed: number | null;
    /** Direct reader and the whole decode stage over the direct reader with `JSON.parse`. */
    readonly decodeStage: number | null;
  };
}

const topic = 'payments';
const drivers: readonly KafkaDriver[] = ['node-rdkafka', 'confluent'];

export async function benchConsume(args: readonly string[]): Promise<ConsumeResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { events: { type: 'string', default: '1000000' }, json: { type: 'boolean', default: false } },
  });
  const broker = await startBroker();
  try {
    const { brokers, isEmbedded } = broker;
    const events = isEmbedded ? Math.min(Number(values.events), embeddedRecordsMax) : Number(values.events);
    const bytes = await producePayments({ brokers, isEmbedded }, { payments: events, cards: 10_000 });
    const loops: Record<string, Loop> = {};
    const run = async (way: ConsumeSetup['way'], driver: KafkaDriver, use: ConsumeSetup['use']): Promise<void> => {
      const name = `${way === 'direct' ? way : `${driver} ${way}`}${use === 'nothing' ? '' : ` + ${use}`}`;
      const setup: ConsumeSetup = { way, driver, use, brokers, isEmbedded, topic, events };
      loops[name] = await runMeasured<Loop>({ file: 'consume/child.ts', setup });
      if (!values.json) process.stderr.write(`${name}: ${loops[name].eventsPerCpuSecondSecondHalf}\n`);
    };
    for (const driver of drivers) for (const use of ['nothing', 'parse'] as const) await run('consume', driver, use);
    await run('client', 'node-rdkafka', 'nothing');
    for (const use of ['nothing', 'parse', 'decode'] as const) await run('direct', 'node-rdkafka', use);
    const ratio = (one: string, other: string): number | null => {
      const [a, b] = [loops[one], loops[other]];
      return a && b ? rounded(a.eventsPerCpuSecondSecondHalf / b.eventsPerCpuSecondSecondHalf, 3) : null;
    };
    return {
      ...{ bench: 'consume', broker: broker.name },
      ...(loops['direct + decode'] as Loop),
      ...{ bytesPerEvent: Math.round(bytes / events), loops },
      ratios: {
        clientReader: ratio('node-rdkafka client', 'node-rdkafka consume'),
        directBare: ratio('direct', 'node-rdkafka consume'),
        directParsed: ratio('direct + parse', 'node-rdkafka consume + parse'),
        decodeStage: ratio('direct + decode', 'direct + parse'),
      },
    };
  } finally {
    await broker.stop();
  }
}
