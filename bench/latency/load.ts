// The payments of `bench -- latency` and the ear for their decisions, told everything as JSON in its first argument. An open
// loop: each is due at its time, whether the service keeps up or not.
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { OutMessage } from '../../kafka/contract.ts';
import type { RecordBatch, Source } from '../../sources/source.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { brokerPartitions, openBroker } from '../broker.ts';
import { seededPayments } from '../fraud/payments.ts';
import { messageOf } from '../fraud/produce-payments.ts';
import { report, setupOf } from '../measured-process.ts';
import { percentiles } from '../meter.ts';
import { alertCategory, alertMark } from './marks.ts';

export interface LatencyLoad {
  readonly brokers: string;
  readonly isEmbedded: boolean;
  /** Payments. */
  readonly perSecond: number;
  readonly seconds: number;
  /** Not counted, at the beginning. */
  readonly warmUpSeconds: number;
  /** Alerts that are measured a second, each of a card of its own. */
  readonly alertsPerSecond: number;
  /** In every id, so that a phase knows its own. */
  readonly phase: string;
}

type Percentiles = ReturnType<typeof percentiles>;

export interface LoadDone {
  readonly decision: Percentiles;
  /** Where a decision was how long after its payment was due. */
  readonly stages: LatencyStages;
  readonly sent: number;
  readonly decided: number;
  /** Alerts that were sent and are counted. */
  readonly alerts: number;
  /** Payments that were not decided yet when the last one was due. */
  readonly behind: number;
  /** Medians of the first and the last third of what is counted: a queue that grows shows here. */
  readonly firstThirdMs: number;
  readonly lastThirdMs: number;
}

export interface LatencyStages {
  /** The payment was handed to the producer: what the load itself is late by. */
  readonly handedOver: Percentiles;
  /** The broker had acknowledged it. */
  readonly acknowledged: Percentiles;
  /** The order entry that names it was made: the clock that is logged. */
  readonly ordered: Percentiles;
  /** The broker appended its decision. */
  readonly appended: Percentiles;
}

const idPattern = /"paymentId":"([a-z]+)-(\w+)-(\d+)-(\d+)"/;
const clockMark = '"clockMs":';
/** As many as no card pays more often than people do, while a run lasts. */
const cards = 200_000;
const stepMs = 5;
const drainMs = 15_000;

const setup = setupOf<LatencyLoad>();
const { phase, perSecond, seconds, warmUpSeconds, alertsPerSecond } = setup;
const kafka = await openBroker(setup);
const producer = await kafka.producer();
const partitions = await producer.partitionCount(resultTopics.decisions);
if ((await producer.partitionCount('payments')) !== brokerPartitions) throw new Error('payments has other partitions');
const startedMs = Date.now();
const payments = seededPayments({ payments: Infinity, cards, seed: startedMs });
const latenciesMs: number[] = [];
const dueTimesMs: number[] = [];
const stagesMs = {
  handedOver: [] as number[],
  acknowledged: [] as number[],
  ordered: [] as number[],
  appended: [] as number[],
};
const countFromMs = startedMs + warmUpSeconds * 1_000;
let [sent, decided, nextAlertMs, alerts] = [0, 0, startedMs, 0];
let isOver = false;

const hearing = hear(await kafka.reader({ fetchWaitMs: setup.isEmbedded ? 5 : 100, queueBytesMax: 16 << 20 }));
await steady();
const endedMs = Date.now();
const behind = sent - decided;
const lateMs = endedMs + drainMs;
while (decided < sent && Date.now() < lateMs) await systemClock.sleep(20);
isOver = true;
await hearing;
const thirdMs = (endedMs - countFromMs) / 3;
const medianOf = (fromMs: number, toMs: number): number =>
  percentiles(latenciesMs.filter((_, i) => (dueTimesMs[i] ?? 0) >= fromMs && (dueTimesMs[i] ?? 0) < toMs)).p50Ms;
report({
  ...{ decision: percentiles(latenciesMs), stages: stagesOf(), sent, decided, behind, alerts },
  ...{ firstThirdMs: medianOf(countFromMs, countFromMs + thirdMs), lastThirdMs: medianOf(endedMs - thirdMs, endedMs) },
});

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

async function send(dueTimes: readonly number[]): Promise<void> {
  const messages = dueTimes.map((atMs): OutMessage => messageOf('payments', paymentDue(Math.round(atMs), sent++)));
  const handedOverMs = Date.now();
  await producer.send(messages);
  const acknowledgedMs = Date.now();
  for (const atMs of dueTimes) {
    if (atMs < countFromMs) continue;
    stagesMs.handedOver.push(handedOverMs - atMs);
    stagesMs.acknowledged.push(acknowledgedMs - atMs);
  }
}

function stagesOf(): LatencyStages {
  const { handedOver, acknowledged, ordered, appended } = stagesMs;
  return {
    ...{ handedOver: percentiles(handedOver), acknowledged: percentiles(acknowledged) },
    ...{ ordered: percentiles(ordered), appended: percentiles(appended) },
  };
}

function paymentDue(dueMs: number, number: number): Payment {
  const { value } = payments.next();
  const payment = value as Payment;
  const eventTimeMs = dueMs;
  if (dueMs < nextAlertMs) return { ...payment, id: `pay-${phase}-${dueMs}-${number}`, eventTimeMs };
  nextAlertMs += 1_000 / alertsPerSecond;
  if (dueMs >= countFromMs) alerts += 1;
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
      for (let batch = stream.poll(); batch !== null; batch = stream.poll()) take(batch, nowMs);
  }
  await reader.close();
}

function take(batch: RecordBatch, nowMs: number): void {
  const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
  for (let i = 0; i < batch.count; i++) {
    const start = batch.valueStart[i] ?? 0;
    // The id stands at the beginning.
    const found = idPattern.exec(bytes.toString('latin1', start, start + 120));
    if (found?.[2] !== phase) continue;
    decided += 1;
    const atMs = Number(found[3]);
    if (atMs < countFromMs) continue;
    latenciesMs.push(nowMs - atMs);
    dueTimesMs.push(atMs);
    const clockAt = bytes.indexOf(clockMark, start) + clockMark.length;
    stagesMs.ordered.push(Number.parseInt(bytes.toString('latin1', clockAt, clockAt + 13), 10) - atMs);
    stagesMs.appended.push((batch.timestampsMs[i] ?? Number.NaN) - atMs);
  }
}
