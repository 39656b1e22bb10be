import { crc32c } from '@node-rs/crc32';
import type { OutMessage, OutText } from '../contract.ts';
import type { MemoryPool } from './memory-pool.ts';

/** Who produces: what a broker drops repetitions by. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** Node's copy works on any bytes. */
const { copy: copyBytes } = Buffer.prototype;
const headerBytes = 61;
const noTimestampYet = -1;
/** Below, twice the number is one of 31 bits. */
const shortEnd = 2 ** 30;
const released = Buffer.alloc(0);
const none: readonly (readonly [Uint8Array, Uint8Array])[] = [];

/** One record batch of the log (format v2, no codec), filled record by record: keys and values are copied in, nothing else is made. */
export class BatchWriter {
  count = 0;
  readonly #memory: MemoryPool;
  #bytes: Buffer;
  #at = headerBytes;
  #baseTimestampMs = noTimestampYet;
  #maxTimestampMs = noTimestampYet;

  constructor(bytesAtFirst: number, memory: MemoryPool) {
    this.#memory = memory;
    this.#bytes = memory.take(Math.max(2 * headerBytes, bytesAtFirst));
  }

  /** Gives its memory back: neither it nor what `seal` gave may be used after that. */
  release(): void {
    this.#memory.give(this.#bytes);
    this.#bytes = released;
  }

  /** Bytes of the batch as it is now. */
  get size(): number {
    return this.#at;
  }

  append({ key, value, headers }: OutMessage, timestampMs: number): void {
    const sinceMs = this.#sinceBase(timestampMs);
    const named =
      headers && headers.length > 0 ? headers.map(([name, bytes]) => [Buffer.from(name), bytes] as const) : none;
    let length = 1 + varintBytes(sinceMs) + varintBytes(this.count) + fieldBytes(key) + fieldBytes(value);
    length += varintBytes(named.length);
    for (const [name, bytes] of named) length += fieldBytes(name) + fieldBytes(bytes);
    this.#makeRoom(length + 10);
    this.#varint(length);
    this.#bytes[this.#at++] = 0; // attributes
    this.#varint(sinceMs);
    this.#varint(this.count);
    this.#field(key);
    this.#field(value);
    this.#varint(named.length);
    for (const [name, bytes] of named) {
      this.#field(name);
      this.#field(bytes);
    }
    this.count++;
  }

  /** As a message without headers. */
  appendText({ key, block, start, end }: OutText, timestampMs: number): void {
    const sinceMs = this.#sinceBase(timestampMs);
    const keyBytes = isAscii(key) ? key.length : Buffer.byteLength(key);
    const valueBytes = end - start;
    let length = 2 + varintBytes(sinceMs) + varintBytes(this.count);
    length += varintBytes(keyBytes) + keyBytes + varintBytes(valueBytes) + valueBytes;
    this.#makeRoom(length + 10);
    this.#varint(length);
    this.#bytes[this.#at++] = 0; // attributes
    this.#varint(sinceMs);
    this.#varint(this.count);
    this.#varint(keyBytes);
    if (keyBytes === key.length) for (let i = 0; i < keyBytes; i++) this.#bytes[this.#at++] = key.charCodeAt(i);
    else this.#at += this.#bytes.write(key, this.#at);
    this.#varint(valueBytes);
    this.#copy(block, start, end);
    this.#bytes[this.#at++] = 0; // headers
    this.count++;
  }

  /** The whole batch; nothing may be appended after that. `sequence`: of its first record, for this producer and partition. */
  seal({ producerId, producerEpoch }: ProducerIdentity, sequence: number): Buffer {
    const bytes = this.#bytes.subarray(0, this.#at);
    bytes.writeBigInt64BE(0n, 0);
    bytes.writeInt32BE(bytes.length - 12, 8);
    bytes.writeInt32BE(-1, 12); // leader epoch
    bytes[16] = 2; // format
    bytes.writeInt16BE(0, 21);
    bytes.writeInt32BE(this.count - 1, 23);
    bytes.writeBigInt64BE(BigInt(this.#baseTimestampMs), 27);
    bytes.writeBigInt64BE(BigInt(this.#maxTimestampMs), 35);
    bytes.writeBigInt64BE(producerId, 43);
    bytes.writeInt16BE(producerEpoch, 51);
    bytes.writeInt32BE(sequence, 53);
    bytes.writeInt32BE(this.count, 57);
    bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
    return bytes;
  }

  #sinceBase(timestampMs: number): number {
    if (this.count === 0) this.#baseTimestampMs = timestampMs;
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    return timestampMs - this.#baseTimestampMs;
  }

  /** Without a view of the part. */
  #copy(block: Uint8Array, start: number, end: number): void {
    copyBytes.call(block, this.#bytes, this.#at, start, end);
    this.#at += end - start;
  }

  #field(bytes: Uint8Array | null): void {
    if (bytes === null) return this.#varint(-1);
    this.#varint(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Zigzag, seven bits a byte; large ones by arithmetic, for times may lie further apart than 32 bits. */
  #varint(value: number): void {
    const bytes = this.#bytes;
    let at = this.#at;
    if (value >= 0 && value < shortEnd) {
      let rest = value << 1;
      for (; rest > 127; rest >>>= 7) bytes[at++] = (rest & 127) | 128;
      bytes[at++] = rest;
    } else {
      let rest = value < 0 ? -2 * value - 1 : 2 * value;
      for (; rest > 127; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 128;
      bytes[at++] = rest;
    }
    this.#at = at;
  }

  #makeRoom(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const larger = this.#memory.take(Math.max(2 * this.#bytes.length, this.#at + more));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#memory.give(this.#bytes);
    this.#bytes = larger;
  }
}

const fieldBytes = (bytes: Uint8Array | null): number =>
  bytes === null ? 1 : varintBytes(bytes.length) + bytes.length;

function varintBytes(value: number): number {
  if (value >= 0 && value < shortEnd)
    return value < 64 ? 1 : value < 8_192 ? 2 : value < 1_048_576 ? 3 : value < 134_217_728 ? 4 : 5;
  let bytes = 1;
  for (let rest = value < 0 ? -2 * value - 1 : 2 * value; rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}
