import type { OutMessage, Producer } from '../../kafka/contract.ts';
import { KafkaError } from '../../kafka/contract.ts';
import type { Faults, SimBroker } from './broker.ts';
import type { SimProcess, VirtualTime } from './virtual-time.ts';

type Rejection = 'none' | 'lost_before' | 'lost_after';
const refused = (): KafkaError => new KafkaError('kafka_timed_out', 'simulated');

/**
 * Appends to order logs: harsher than a real producer. A record may be lost, may land though its acknowledgement is lost,
 * may land long after, and later ones may overtake it.
 */
export function createSimOrderProducer(
  broker: SimBroker,
  time: VirtualTime,
  process: SimProcess,
  faults: Faults,
  onSend: (message: OutMessage) => void,
): Producer {
  const roll = (): Rejection => {
    if (!faults.isOn()) return 'none';
    const at = faults.random();
    return at < 0.08 ? 'lost_before' : at < 0.2 ? 'lost_after' : 'none';
  };
  return producerOf(broker, process, (messages) => {
    for (const message of messages) onSend(message);
    const outcome = roll();
    if (outcome !== 'none') faults.count(outcome);
    const isLate = faults.isOn() && faults.random() < 0.1;
    if (isLate) faults.count('late');
    const delayMs = 1 + faults.random() * (isLate ? 900 : 6);
    return new Promise((resolve, reject) => {
      if (outcome !== 'lost_before')
        time.at(time.nowMs() + delayMs, () => messages.forEach((m) => broker.append(m, m)));
      const ackMs = outcome === 'none' ? delayMs + 1 : 20 + faults.random() * 60;
      process.after(ackMs, () => (outcome === 'none' ? resolve([]) : reject(refused())));
    });
  });
}

/** Produces results, in order: a send that fails may have delivered any first part of itself. What was sent lands though the process dies. */
export function createSimProducer(broker: SimBroker, time: VirtualTime, process: SimProcess, faults: Faults): Producer {
  let landsAtMs = 0;
  return producerOf(broker, process, (messages) => {
    const isSlow = faults.isOn() && faults.random() < 0.1;
    landsAtMs = Math.max(landsAtMs, time.nowMs() + 1 + faults.random() * (isSlow ? 400 : 5));
    const isFailing = faults.isOn() && faults.random() < 0.1;
    const landing = isFailing ? messages.slice(0, Math.floor(faults.random() * (messages.length + 1))) : messages;
    if (isFailing) faults.count('output_lost');
    time.at(landsAtMs, () => landing.forEach((m) => broker.append(m, m)));
    return new Promise((resolve, reject) => {
      process.after(landsAtMs - time.nowMs() + 1, () => (isFailing ? reject(refused()) : resolve([])));
    });
  });
}

function producerOf(
  broker: SimBroker,
  process: SimProcess,
  send: (messages: readonly OutMessage[]) => ReturnType<Producer['send']>,
): Producer {
  return {
    send,
    partitionCount: (topic) => new Promise((resolve) => process.after(1, () => resolve(broker.count(topic)))),
    isGated: () => false,
    pendingMessages: () => 0,
    close: () => Promise.resolve(),
  };
}
