// Full decisions: 20 rules over features in five windows of three entities, from bytes at hand and from a broker to `millrace.decisions`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rulesTopic } from '../../events/topics.ts';
import { type BenchBroker, embeddedRecordsMax, startBroker } from '../broker.ts';
import { runMeasured } from '../measured-process.ts';
import { type Measured, rounded } from '../meter.ts';
import type { FraudMeasured, FraudSetup } from './child.ts';
import { type PaymentsOptions, benchRules } from './payments.ts';
import { messageOf, producePayments } from './produce-payments.ts';
import type { Stages } from './stages.ts';

export interface FraudResult extends FraudMeasured {
  readonly bench: 'fraud';
  readonly broker: string | null;
  readonly cards: number;
  /** Payments a CPU-second of the service process, from a topic to acknowledged decisions; null where that was not asked for. */
  readonly fromKafka: number | null;
  readonly kafka: FraudMeasured | null;
  /** Whole decisions over the decode stage alone, in process; and from the broker over in process. */
  readonly ratios: { readonly decode: number; readonly fromKafka: number | null };
  /** Of CPU, a payment. `rest`: reading the entry, watermark, duplicates, alerts, position, memory. */
  readonly microseconds: Stages & { readonly whole: number; readonly rest: number };
  readonly isWithinGoal: boolean;
}

const goal = { inProcess: 50_000, fromKafka: 30_000 };

export async function benchFraud(args: readonly string[]): Promise<FraudResult> {
  const { payments, cards, isInProcessOnly, say } = optionsOf(args);
  const run = <T>(setup: FraudSetup): Promise<T> => runMeasured<T>({ file: 'fraud/child.ts', setup });
  say(`${payments} payments of ${cards} cards, in process`);
  const folded = await run<FraudMeasured>({ mode: 'fold', payments, cards });
  const decoded = await run<Measured>({ mode: 'decode', payments, cards });
  const stages = await run<Stages>({ mode: 'stages', payments: Math.min(payments, 200_000), cards });
  const broker = isInProcessOnly ? null : await startBroker();
  const kafka = broker && (await fromBroker(broker, { payments, cards }, run, say));
  const whole = rounded(1e6 / folded.eventsPerCpuSecondSecondHalf);
  const parts = stages.decode + stages.features + stages.rules + stages.write;
  const fromKafka = kafka?.eventsPerCpuSecond ?? null;
  return {
    ...{ bench: 'fraud', broker: broker?.name ?? null, cards },
    ...folded,
    ...{ fromKafka, kafka },
    ratios: {
      decode: rounded(folded.eventsPerCpuSecond / decoded.eventsPerCpuSecond, 4),
      fromKafka: fromKafka && rounded(fromKafka / folded.eventsPerCpuSecond, 3),
    },
    microseconds: { whole, ...stages, rest: rounded(whole - parts) },
    isWithinGoal: folded.eventsPerCpuSecond >= goal.inProcess && (fromKafka ?? goal.fromKafka) >= goal.fromKafka,
  };
}

async function fromBroker(
  broker: BenchBroker,
  options: PaymentsOptions,
  run: <T>(setup: FraudSetup) => Promise<T>,
  say: (line: string) => void,
): Promise<FraudMeasured> {
  const { brokers, isEmbedded } = broker;
  const payments = isEmbedded ? Math.min(options.payments, embeddedRecordsMax) : options.payments;
  const folder = await mkdtemp(join(tmpdir(), 'millrace-fraud-'));
  try {
    say(`${payments} payments, from the broker`);
    await producePayments({ brokers, isEmbedded }, { ...options, payments }, async (producer) => {
      await Promise.all(['labels', rulesTopic].map((topic) => producer.partitionCount(topic)));
      await producer.send(benchRules().map((rule) => ({ ...messageOf(rulesTopic, rule), partition: 0 })));
    });
    return await run<FraudMeasured>({ mode: 'task', payments, cards: options.cards, brokers, isEmbedded, folder });
  } finally {
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      payments: { type: 'string', default: '400000' },
      cards: { type: 'string', default: '10000' },
      'in-process': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const say = values.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
  return {
    payments: Number(values.payments),
    cards: Number(values.cards),
    isInProcessOnly: values['in-process'],
    say,
  };
}
