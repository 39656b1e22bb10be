import type { OutText, ProduceGate } from '../contract.ts';
import { type Lanes, messageRoomBytes, type OutItem, textRoomBytes } from '../producer-lanes.ts';
import { isRun, type OutPart } from './produce-partition.ts';

const messageBytesMax = 2 * 1024 * 1024;
const queueMessagesMax = 50_000;
const queueBytesMax = 64 * 1024 * 1024;

/** What was handed over and is not acknowledged: its bounds, and who is told when it is. */
export class ProduceQueue {
  /** Messages whose calls are not resolved, those that wait in line included. */
  pending = 0;
  #messages = 0;
  #bytes = 0;
  readonly #gate: ProduceGate | undefined;
  readonly #lanes: Lanes;

  constructor(gate: ProduceGate | undefined, lanes: Lanes) {
    this.#gate = gate;
    this.#lanes = lanes;
  }

  static isTooLarge(roomBytes: number): boolean {
    return roomBytes > messageBytesMax;
  }

  hasRoom(messages: number, bytes: number): boolean {
    return this.#bytes + bytes <= queueBytesMax && this.#messages + messages <= queueMessagesMax;
  }

  /** Whether these may pass by the lines: none would be refused, none overtake what waits there. Then they are `add`ed. */
  takesAtOnce(texts: readonly OutText[]): boolean {
    if (this.#gate || this.#lanes.isWaiting()) return false;
    let bytes = 0;
    for (let i = 0; i < texts.length; i++) {
      const roomBytes = textRoomBytes(texts[i] as OutText);
      if (ProduceQueue.isTooLarge(roomBytes)) return false;
      bytes += roomBytes;
    }
    if (!this.hasRoom(texts.length, bytes)) return false;
    this.add(texts.length, bytes);
    return true;
  }

  add(messages: number, bytes: number): void {
    this.#bytes += bytes;
    this.#messages += messages;
  }

  /** The records of a batch, the first at `baseOffset`. Gives how many they are. */
  acknowledged(parts: readonly OutPart[], baseOffset: number, hasFailed: boolean): number {
    let count = 0;
    for (const part of parts) {
      if (!isRun(part)) this.#delivered(part, BigInt(baseOffset + count));
      const records = isRun(part) ? part.count : 1;
      count += records;
      this.#messages -= records;
      this.#bytes -= isRun(part) ? part.bytes : messageRoomBytes(part.message);
      if (!hasFailed) this.#settle(part, records);
    }
    return count;
  }

  #delivered({ message, index, call }: OutItem, messageOffset: bigint): void {
    this.#gate?.delivered(message, messageOffset, messageRoomBytes(message));
    call.sent[index] = { topic: message.topic, partition: message.partition, messageOffset };
  }

  #settle({ call }: OutPart, records: number): void {
    this.pending -= records;
    call.left -= records;
    if (call.left > 0) return;
    this.#lanes.settled(call);
    call.resolve(call.sent);
  }
}
