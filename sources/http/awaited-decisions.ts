// Decisions that somebody waits for over HTTP, read from their topic as it is written.
// Guarantees: who announced a payment before it was produced hears of its decision, wherever in the topic it lands; the topic is
// read only while somebody waits, and a little longer.
// Redelivery: a decision that is produced twice answers once.
import type { Decision } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { PartitionStream, RecordBatch, Source } from '../source.ts';

export interface AwaitedDecisions {
  /** From now on the payment's decision is listened for. Rejects when the topic cannot be read. */
  announce(payment: AwaitedPayment): Promise<AwaitedDecision>;
  close(): Promise<void>;
}

export interface AwaitedPayment {
  readonly source: string;
  readonly id: string;
  /** The key of its decision. */
  readonly cardId: string;
}

export interface AwaitedDecision {
  /** The decision, or null when it is not there after `timeoutMs`. */
  within(timeoutMs: number): Promise<Decision | null>;
  /** Nobody waits any more. */
  forget(): void;
}

export interface AwaitedDecisionsOptions {
  /** Opens a reader of its own; asked once somebody waits. */
  readonly openReader: () => Promise<Source>;
  readonly clock: Clock;
  /** How long reading goes on when nobody waits. */
  readonly idleMs?: number;
}

interface Waiting extends AwaitedPayment {
  readonly answer: (decision: Decision) => void;
}

const defaultIdleMs = 30_000;
const pollWaitMs = 250;
const utf8 = new TextDecoder();

export function createAwaitedDecisions({
  openReader,
  clock,
  idleMs = defaultIdleMs,
}: AwaitedDecisionsOptions): AwaitedDecisions {
  const waitingByCard = new Map<string, Set<Waiting>>();
  let opening: Promise<Source> | null = null;
  let reading: Promise<readonly PartitionStream[]> | null = null;
  let lastWantedMs = 0;
  let isClosed = false;

  const open = async (): Promise<readonly PartitionStream[]> => {
    opening ??= openReader();
    const reader = await opening.catch((error: unknown) => {
      opening = null;
      throw error;
    });
    const streams = await openAtEnds(reader);
    void follow(reader, streams).finally(() => {
      for (const stream of streams) stream.close();
      reading = null;
    });
    return streams;
  };
  const isWanted = (): boolean => !isClosed && (waitingByCard.size > 0 || clock.nowMs() - lastWantedMs < idleMs);
  const follow = async (reader: Source, streams: readonly PartitionStream[]): Promise<void> => {
    // A stream that breaks ends the reading; who waits then hears nothing, and the next to ask begins anew at the end.
    while (isWanted()) {
      await reader.wait(pollWaitMs).catch(() => false);
      for (const stream of streams) if (!takeAll(stream, waitingByCard)) return;
    }
  };
  return {
    async announce(payment) {
      lastWantedMs = clock.nowMs();
      let answer: (decision: Decision) => void = () => {};
      const answered = new Promise<Decision>((resolve) => (answer = resolve));
      const waiting: Waiting = { ...payment, answer };
      const forget = (): void => remove(waitingByCard, waiting);
      add(waitingByCard, waiting);
      try {
        await (reading ??= open());
      } catch (error) {
        reading = null;
        forget();
        throw error;
      }
      return {
        forget,
        async within(timeoutMs) {
          const timer = new AbortController();
          const late = clock.sleep(timeoutMs, timer.signal).then(() => null);
          const decision = await Promise.race([answered, late]);
          timer.abort('over');
          forget();
          return decision;
        },
      };
    },
    async close() {
      isClosed = true;
      await opening?.then((reader) => reader.close()).catch(() => {});
    },
  };
}

async function openAtEnds(reader: Source): Promise<readonly PartitionStream[]> {
  const topic = resultTopics.decisions;
  const partitions = Array.from({ length: await reader.partitionCount(topic) }, (_, partition) => ({
    topic,
    partition,
  }));
  const ends = await Promise.all(partitions.map(async (place) => (await reader.bounds(place)).endOffset));
  return partitions.map((place, i) => reader.read(place, ends[i] ?? 0n));
}

type WaitingByCard = Map<string, Set<Waiting>>;

/** False when the stream cannot go on. */
function takeAll(stream: PartitionStream, waitingByCard: WaitingByCard): boolean {
  try {
    for (let batch = stream.poll(); batch; batch = stream.poll()) answerFrom(batch, waitingByCard);
    return true;
  } catch {
    return false;
  }
}

/** A decision is some kilobytes of JSON: only those of a card that is waited for are parsed. */
function answerFrom({ count, bytes, ...columns }: RecordBatch, waitingByCard: WaitingByCard): void {
  for (let i = 0; i < count; i++) {
    const keyStart = columns.keyStart[i] ?? -1;
    const valueStart = columns.valueStart[i] ?? -1;
    if (keyStart < 0 || valueStart < 0) continue;
    const waiting = waitingByCard.get(utf8.decode(bytes.subarray(keyStart, columns.keyEnd[i])));
    if (!waiting) continue;
    const decision = JSON.parse(utf8.decode(bytes.subarray(valueStart, columns.valueEnd[i]))) as Decision;
    for (const { source, id, answer } of waiting)
      if (decision.paymentId === id && decision.paymentSource === source) answer(decision);
  }
}

function add(waitingByCard: WaitingByCard, waiting: Waiting): void {
  const others = waitingByCard.get(waiting.cardId);
  if (others) others.add(waiting);
  else waitingByCard.set(waiting.cardId, new Set([waiting]));
}

function remove(waitingByCard: WaitingByCard, waiting: Waiting): void {
  const others = waitingByCard.get(waiting.cardId);
  others?.delete(waiting);
  if (others?.size === 0) waitingByCard.delete(waiting.cardId);
}
