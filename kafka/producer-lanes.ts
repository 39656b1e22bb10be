import type { TopicPartition } from '../sources/source.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { KafkaError, OutMessage, OutText, ProduceGate, SentMessage } from './contract.ts';

/** One `send`: resolved when every message of it is acknowledged. */
export interface SendCall {
  left: number;
  readonly sent: SentMessage[];
  resolve(sent: readonly SentMessage[]): void;
  reject(error: KafkaError): void;
}

export interface OutItem {
  readonly message: OutMessage;
  readonly index: number;
  readonly call: SendCall;
  /** The gate has given room for it. */
  hasRoom: boolean;
}

/**
 * Messages on their way to the driver. They wait in line per partition, never across partitions: a partition whose gate
 * is closed must not hold up the output that its reader has to produce before it reads on.
 */
export interface Lanes {
  offer(item: OutItem): void;
  /** The driver's queue has room again. */
  retryFull(): void;
  /** Messages wait for room: who goes another way would overtake them. */
  isWaiting(): boolean;
  /** For calls whose messages do not come this way: as if they did. */
  opened(call: SendCall): void;
  /** The call is resolved. */
  settled(call: SendCall): void;
  /** Rejects every call that is not resolved, waiting or handed over; later offers are rejected too. */
  rejectAll(error: KafkaError): void;
}

interface Lane {
  readonly tp: TopicPartition;
  readonly waiting: OutItem[];
  isAwaitingGate: boolean;
}

/** To be told how many records of one producer are not acknowledged: the gauge is the sum over the producers of the process. */
export function createPendingGauge(metrics: Metrics): (pending: number) => void {
  const gauge = metrics.gauge('millrace_kafka_pending_records', 'Records not yet acknowledged by Kafka');
  let told = 0;
  return (pending) => {
    gauge.inc(pending - told);
    told = pending;
  };
}

/** What the gate counts for a message: its bytes and 100 for what the broker keeps around it. */
export const messageRoomBytes = ({ key, value }: OutMessage): number => (key?.length ?? 0) + (value?.length ?? 0) + 100;

export const textRoomBytes = ({ key, start, end }: OutText): number => key.length + end - start + 100;

/** `produce` gives false when the driver's queue is full: the message stays first in its line. */
export function createLanes(gate: ProduceGate | undefined, produce: (item: OutItem) => boolean): Lanes {
  const byTopic = new Map<string, (Lane | undefined)[]>();
  const full = new Set<Lane>();
  const open = new Set<SendCall>();
  let failure: KafkaError | undefined;

  const laneOf = ({ topic, partition }: TopicPartition): Lane => {
    let lanes = byTopic.get(topic);
    if (lanes === undefined) byTopic.set(topic, (lanes = []));
    return (lanes[partition] ??= { tp: { topic, partition }, waiting: [], isAwaitingGate: false });
  };

  const hasRoom = (lane: Lane, item: OutItem): boolean => {
    item.hasRoom ||= gate === undefined || gate.tryTake(lane.tp, messageRoomBytes(item.message));
    if (!item.hasRoom && !lane.isAwaitingGate) {
      lane.isAwaitingGate = true;
      void gate?.whenOpen(lane.tp).then(() => {
        lane.isAwaitingGate = false;
        drain(lane);
      });
    }
    return item.hasRoom;
  };

  const pass = (lane: Lane, item: OutItem): boolean => {
    if (!hasRoom(lane, item)) return false;
    if (produce(item)) return true;
    full.add(lane);
    return false;
  };

  const drain = (lane: Lane): void => {
    let passed = 0;
    for (const item of lane.waiting) {
      if (failure !== undefined || !pass(lane, item)) break;
      passed++;
    }
    lane.waiting.splice(0, passed);
  };

  return {
    offer(item) {
      if (failure !== undefined) return item.call.reject(failure);
      open.add(item.call);
      const lane = laneOf(item.message);
      if (lane.waiting.length > 0 || !pass(lane, item)) lane.waiting.push(item);
    },
    retryFull() {
      if (full.size === 0) return;
      const lanes = [...full];
      full.clear();
      for (const lane of lanes) drain(lane);
    },
    isWaiting: () => full.size > 0,
    opened: (call) => void open.add(call),
    settled: (call) => open.delete(call),
    rejectAll(error) {
      failure ??= error;
      for (const call of open) call.reject(failure);
      open.clear();
      byTopic.clear();
      full.clear();
    },
  };
}
