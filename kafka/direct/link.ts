import type { Socket } from 'node:net';
import { Writer } from '@platformatic/kafka';
import type { KafkaSecurity } from '../connection.ts';
import { KafkaError } from '../contract.ts';
import { AnswerFrames, type AnswerTaker } from './answer-frames.ts';
import { linkError } from './security.ts';
import { openSocket, type BrokerSocket } from './socket.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Api {
  readonly key: number;
  readonly version: number;
}

/** A connection to one broker: requests out, the bytes of their answers back. */
export interface Link {
  /**
   * Rejects with a `KafkaError`; the link is then of no further use. What was written is not copied, so it may not change before
   * an answer has come. `room`: memory for the answer.
   */
  request(api: Api, write: (writer: Writer) => Writer, room?: (length: number) => Buffer): Promise<Buffer>;
  isOpen(): boolean;
  close(): Promise<void>;
}

export interface LinkOptions {
  readonly clientId: string;
  readonly security: KafkaSecurity | undefined;
  /** The longest that a request may take. */
  readonly requestTimeoutMs: number;
}

/** Connects and logs in. Rejects with `kafka_not_authorised` where the broker refuses the login. */
export async function openLink(address: Address, options: LinkOptions): Promise<Link> {
  const link = new BrokerLink(`${address.host}:${address.port}`, options);
  link.begin(await openSocket(address, { ...options, frames: link.frames, broken: (error) => link.giveUp(error) }));
  return link;
}

interface Asked {
  readonly room: (length: number) => Buffer;
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: KafkaError) => void;
  readonly timer: NodeJS.Timeout;
  readonly doing: string;
}

/** Ids from here on are ours; the library, where it logs in, counts from 1. */
const firstId = 2 ** 30;
const idEnd = 2 ** 31;
/** What is shorter is put together: a part costs the socket more than its copy. */
const partBytesMin = 4_096;

class BrokerLink implements Link {
  readonly frames: AnswerFrames;
  readonly #where: string;
  readonly #options: LinkOptions;
  readonly #asked = new Map<number, Asked>();
  #open: BrokerSocket | null = null;
  #isBroken = false;
  #nextId = firstId;

  constructor(where: string, options: LinkOptions) {
    this.#where = where;
    this.#options = options;
    const taker: AnswerTaker = {
      room: (id, length) => (this.#asked.get(id)?.room ?? this.#roomOfOthers(id))?.(length) ?? null,
      whole: (id, answer) => this.#whole(id, answer),
    };
    this.frames = new AnswerFrames(taker);
  }

  begin(open: BrokerSocket): void {
    this.#open = open;
    if (this.#isBroken) void open.close();
    const over = (): void => this.giveUp(new Error('the connection was closed'));
    open.socket.on('error', (error) => this.giveUp(error));
    open.socket.on('end', over);
    open.socket.on('close', over);
    if (open.socket.destroyed) over();
  }

  request(api: Api, write: (writer: Writer) => Writer, room = Buffer.allocUnsafe): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const doing = `request ${api.key} to ${this.#where}`;
      const socket = this.#open?.socket;
      if (this.#isBroken || !socket) return reject(new KafkaError('kafka_unavailable', `${doing}: given up`));
      const id = this.#nextId;
      this.#nextId = id + 1 === idEnd ? firstId : id + 1;
      const parts = partsOf(headOf(api, id, this.#options.clientId), write(Writer.create()).buffers);
      const timer = setTimeout(() => this.#late(id), this.#options.requestTimeoutMs);
      this.#asked.set(id, { room, resolve, reject, timer, doing });
      send(socket, parts);
    });
  }

  isOpen(): boolean {
    return !this.#isBroken;
  }

  async close(): Promise<void> {
    this.giveUp(new Error('closed'));
    await this.#open?.close();
  }

  /** The place among the answers is lost, or nobody answers: nothing more is to be asked here. */
  giveUp(error: unknown): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    for (const { reject, timer, doing } of this.#asked.values()) {
      clearTimeout(timer);
      reject(linkError(error, doing));
    }
    this.#asked.clear();
    void this.#open?.close();
  }

  #late(id: number): void {
    const late = this.#asked.get(id);
    this.#asked.delete(id);
    late?.reject(new KafkaError('kafka_timed_out', `${late.doing}: no answer in time`));
    this.giveUp(new Error('an answer did not come in time'));
  }

  #roomOfOthers(id: number): ((length: number) => Buffer) | undefined {
    return this.#open?.others && id < firstId ? Buffer.allocUnsafe : undefined;
  }

  #whole(id: number, answer: Buffer): void {
    const asked = this.#asked.get(id);
    if (!asked) return this.#open?.others?.(id, answer);
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    asked.resolve(answer);
  }
}

/** Request header v1 behind room for the length. */
function headOf({ key, version }: Api, id: number, clientId: string): Buffer {
  const client = Buffer.from(clientId);
  const head = Buffer.allocUnsafe(14 + client.length);
  head.writeInt16BE(key, 4);
  head.writeInt16BE(version, 6);
  head.writeInt32BE(id, 8);
  head.writeInt16BE(client.length, 12);
  client.copy(head, 14);
  return head;
}

/** The whole request: what is short put together, what is long as it is. */
function partsOf(head: Buffer, pieces: readonly Buffer[]): readonly Buffer[] {
  const parts: Buffer[] = [];
  let short = [head];
  let length = head.length - 4;
  for (const piece of pieces) {
    length += piece.length;
    if (piece.length < partBytesMin) {
      short.push(piece);
      continue;
    }
    if (short.length > 0) parts.push(Buffer.concat(short));
    parts.push(piece);
    short = [];
  }
  if (short.length > 0) parts.push(Buffer.concat(short));
  parts[0]?.writeInt32BE(length, 0);
  return parts;
}

/** All by one call of the system. */
function send(socket: Socket, parts: readonly Buffer[]): void {
  if (parts.length > 1) socket.cork();
  for (const part of parts) socket.write(part);
  if (parts.length > 1) socket.uncork();
}
