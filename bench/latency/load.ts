// The payments of `bench -- latency` and the ear for their decisions, told everything as JSON in its first argument. flood: as many as can be
// decided, which is the sustained rate; steady: open loop, each due at its time whether the service keeps up or not.
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { OutMessage } from '../../kafka/contract.ts';
import type { Source } from '../../sources/source.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { brokerPartitions, openBroker } from '../broker.ts';
import { seededPayments } from '../fraud/payments.ts';
import { messageOf } from '../fraud/produce-payments.ts';
import { report, setupOf } from '../measured-process.ts';
import { percentiles, rounded } from '../meter.ts';
import { alertCategory, alertMark } from './marks.ts';

export interface LatencyLoad {
  readonly mode: 'flood' | 'steady';
  readonly brokers: string;
  readonly isEmbedded: boolean;
  /** Of `steady`: payments a second. */
  readonly perSecond: number;
  readonly seconds: number;
  /** Not counted, at the beginning. */
  readonly warmUpSeconds: number;
  /** Alerts a second, each of a card of its own. */
  readonly alertsPerSecond: number;
  /** In every id, so that a phase knows its own. */
  readonly phase: string;
}

export interface LoadDone {
  readonly decision: ReturnType<typeof percentiles>;
  readonly sent: number;
  readonly decided: number;
  readonly decidedPerSecond: number;
}

const idPattern = /"paymentId":"([a-z]+)-(\w+)-(\d+)-(\d+)"/;
const stepMs = 5;
const outstandingMax = 4_000;
const floodChunk = 250;
const drainMs = 15_000;

const setup = setupOf<LatencyLoad>();
const { mode, phase, perSecond, seconds, warmUpSeconds, alertsPerSecond } = setup;
const kafka = await openBroker(setup);
const producer = await kafka.producer();
const partitions = await producer.partitionCount(resultTopics.decisions);
if ((await producer.partitionCount('payments')) !== brokerPartitions) throw new Error('payments has other partitions');
const payments = seededPayments({ payments: Infinity, cards: 10_000 });
const latenciesMs: number[] = [];
const startedMs = Date.now();
const countFromMs = startedMs + warmUpSeconds * 1_000;
let [sent, decided, decidedWarm, nextAlertMs] = [0, 0, 0, startedMs];
let isOver = false;

const hearing = hear(await kafka.reader({ fetchWaitMs: setup.isEmbedded ? 5 : 100, queueBytesMax: 16 << 20 }));
await (mode === 'flood' ? flood() : steady());
const endedMs = Date.now();
const decidedInTime = decided - decidedWarm;
const lateMs = endedMs + drainMs;
while (decided < sent && Date.now() < lateMs) await systemClock.sleep(20);
isOver = true;
await hearing;
report({
  ...{ decision: percentiles(latenciesMs), sent, decided },
  decidedPerSecond: rounded(decidedInTime / ((endedMs - countFromMs) / 1_000)),
});

async function flood(): Promise<void> {
  while (Date.now() < startedMs + seconds * 1_000) {
    if (sent - decided > outstandingMax) await systemClock.sleep(1);
    else await send(Array.from({ length: floodChunk }, () => Date.now()));
  }
}

/** What is due is sent, every few milliseconds; nobody waits for what was sent before. */
async function steady(): Promise<void> {
  const total = Math.floor(perSecond * seconds);
  const sending: Promise<void>[] = [];
  while (sent < total) {
    const due = Math.min(total, Math.floor(((Date.now() - startedMs) * perSecond) / 1_000));
    const dueTimes = Array.from({ length: due - sent }, (_, i) => startedMs + ((sent + i) * 1_000) / perSecond);
    if (dueTimes.length > 0) sending.push(send(dueTimes));
    await systemClock.sleep(stepMs);
  }
  await Promise.all(sending);
}

function send(dueTimes: readonly number[]): Promise<void> {
  const messages = dueTimes.map((dueMs): OutMessage => messageOf('payments', paymentDue(Math.round(dueMs), sent++)));
  return producer.send(messages).then(() => undefined);
}

function paymentDue(dueMs: number, number: number): Payment {
  const { value } = payments.next();
  const payment = value as Payment;
  const eventTimeMs = dueMs;
  if (dueMs < nextAlertMs) return { ...payment, id: `pay-${phase}-${dueMs}-${number}`, eventTimeMs };
  nextAlertMs += 1_000 / alertsPerSecond;
  const id = `${alertMark}-${phase}-${dueMs}-${number}`;
  return { ...payment, id, eventTimeMs, key: id, cardId: id, category: alertCategory };
}

async function hear(reader: Source): Promise<void> {
  const streams = await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const place = { topic: resultTopics.decisions, partition };
      return reader.read(place, (await reader.bounds(place)).endOffset);
    }),
  );
  while (!isOver) {
    await reader.wait(50);
    const nowMs = Date.now();
    for (const stream of streams)
      for (let batch = stream.poll(); batch !== null; batch = stream.poll()) {
        const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
        for (let i = 0; i < batch.count; i++) {
          const start = batch.valueStart[i] ?? 0;
          // The id stands at the beginning.
          const found = idPattern.exec(bytes.toString('latin1', start, start + 120));
          if (found?.[2] !== phase) continue;
          decided += 1;
          const dueMs = Number(found[3]);
          if (dueMs >= countFromMs) latenciesMs.push(nowMs - dueMs);
          else decidedWarm += 1;
        }
      }
  }
  await reader.close();
}
