// The process that `bench -- consume` measures: one loop over all records of a topic, told which as JSON in its first argument.
import { readAscii } from '../../cli/start/decoder-of.ts';
import { createDecoder } from '../../events/compiled/decoder.ts';
import type { KafkaDriver } from '../../kafka/contract.ts';
import { loadDriver, type NativeMessage } from '../../kafka/driver.ts';
import type { RecordBatch } from '../../sources/source.ts';
import { brokerPartitions, openBroker } from '../broker.ts';
import { report, setupOf } from '../measured-process.ts';
import { Meter } from '../meter.ts';

export interface ConsumeSetup {
  /** `consume`: the package's own `consume(n)`, nothing of ours; `client`: our reader on it; `direct`: our Fetch requests. */
  readonly way: 'consume' | 'client' | 'direct';
  readonly driver: KafkaDriver;
  /** What is done with each value. */
  readonly use: 'nothing' | 'parse' | 'decode';
  readonly brokers: string;
  readonly isEmbedded: boolean;
  readonly topic: string;
  readonly events: number;
}

const setup = setupOf<ConsumeSetup>();
const { way, driver, use, brokers, isEmbedded, topic, events } = setup;
const meter = new Meter(events);
/** Kept, so that no engine may leave the work out. */
let sum = 0;

await (way === 'consume' ? consumeBare() : readColumns());
report({ ...meter.end(), sum });

async function consumeBare(): Promise<void> {
  const { consumer } = await loadDriver(driver);
  const client = consumer(
    {
      ...{ 'metadata.broker.list': brokers, 'group.id': 'bench-consume' },
      ...{ 'enable.auto.commit': false, 'enable.auto.offset.store': false, 'fetch.wait.max.ms': isEmbedded ? 20 : 100 },
    },
    { 'auto.offset.reset': 'earliest' },
  );
  await new Promise<void>((resolve, reject) =>
    client.connect({ timeout: 20_000, allTopics: false }, (error) => (error ? reject(error as Error) : resolve())),
  );
  const partitions = Array.from({ length: brokerPartitions }, (_, partition) => ({ topic, partition, offset: 0 }));
  client.incrementalAssign(partitions);
  client.setDefaultConsumeTimeout(5);
  let done = 0;
  while (done < events) {
    const messages = await new Promise<readonly NativeMessage[]>((resolve, reject) =>
      client.consume(5_000, (error, some) => (error ? reject(error as Error) : resolve(some))),
    );
    if (messages.length > 0) meter.begin();
    for (const { value } of messages) {
      if (value === null) continue;
      if (use === 'parse') sum += amountOf(value.toString('utf8'));
      else sum += value.length;
    }
    meter.done((done += messages.length));
  }
}

async function readColumns(): Promise<void> {
  const kafka = await openBroker({ brokers, isEmbedded, driver, reader: way === 'direct' ? 'direct' : 'client' });
  const source = await kafka.reader({ queueBytesMax: 8 << 20, fetchWaitMs: isEmbedded ? 20 : 100 });
  const take = taker();
  const streams = Array.from({ length: brokerPartitions }, (_, partition) => source.read({ topic, partition }, 0n));
  let done = 0;
  while (done < events) {
    await source.wait(1_000);
    for (const stream of streams)
      for (let batch = stream.poll(); batch !== null; batch = stream.poll()) {
        meter.begin();
        take(batch);
        meter.done((done += batch.count));
      }
  }
}

function taker(): (batch: RecordBatch) => void {
  if (use === 'nothing') return ({ count }) => void (sum += count);
  const decoder = createDecoder({ readAscii });
  if (use === 'parse')
    return ({ bytes, valueStart, valueEnd, count }) => {
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let i = 0; i < count; i++) sum += amountOf(buffer.toString('utf8', valueStart[i], valueEnd[i]));
    };
  return ({ bytes, valueStart, valueEnd, count }) => {
    for (let i = 0; i < count; i++) {
      const decoded = decoder.decode(bytes, valueStart[i] as number, valueEnd[i] as number);
      if (decoded.kind !== 'event') throw new Error(`a record is ${decoded.kind}`);
      sum += (decoded.event as unknown as { amountMinor: number }).amountMinor;
    }
  };
}

function amountOf(text: string): number {
  return (JSON.parse(text) as { readonly amountMinor: number }).amountMinor;
}
