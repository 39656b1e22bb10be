import { connect, type Socket } from 'node:net';
import type { ProduceGate } from '../kafka/contract.ts';
import { topicPartitionName, type TopicPartition } from '../sources/source.ts';
import { readLines, writeLine, type GateReply } from './gate-protocol.ts';

/** Reports of what was delivered go out together, at most this late. */
const reportEveryMs = 10;
const connectTimeoutMs = 5_000;

interface Credit {
  readonly name: string;
  bytes: number;
  isUnbounded: boolean;
  isAsked: boolean;
  /** The server said that there is no room, and has given none since. */
  isClosed: boolean;
  /** A message found too little credit and waits. */
  isStarved: boolean;
  readonly waiting: (() => void)[];
}

/**
 * The gate of an embedded broker, by its `host:port`. Share one among the producers of a process. When the broker's process
 * goes, the gate stays closed: nothing could be produced anyway.
 */
export async function connectGate(address: string): Promise<ProduceGate> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.setNoDelay(true);
  const chunkBytes = await greet(socket);
  return new GateClient(socket, chunkBytes);
}

/** Resolves with the chunk that the server's first line names; later lines wait for the client's own reader. */
function greet(socket: Socket): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error('the gate does not answer')), connectTimeoutMs);
    socket.once('error', reject);
    socket.once('data', (line: Buffer) => {
      clearTimeout(timer);
      const hello = JSON.parse(String(line)) as GateReply;
      if (hello.kind === 'hello') resolve(hello.chunkBytes);
      else reject(new Error('this is not a gate'));
    });
  });
}

class GateClient implements ProduceGate {
  readonly #socket: Socket;
  readonly #chunkBytes: number;
  readonly #credits = new Map<string, Map<number, Credit>>();
  readonly #byName = new Map<string, Credit>();
  #reports = new Map<Credit, { nextOffset: number; bytes: number }>();
  #reportTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, chunkBytes: number) {
    this.#socket = socket;
    this.#chunkBytes = chunkBytes;
    socket.on('error', () => {});
    readLines(socket, (value) => this.#replied(value as GateReply));
  }

  tryTake(tp: TopicPartition, bytes: number): boolean {
    const credit = this.#creditOf(tp);
    if (credit.isUnbounded) return true;
    const isEnough = credit.bytes >= bytes;
    if (isEnough) credit.bytes -= bytes;
    credit.isStarved ||= !isEnough;
    if (!isEnough) this.#ask(credit, bytes - credit.bytes);
    else if (credit.bytes < this.#chunkBytes / 2) this.#ask(credit, 1);
    return isEnough;
  }

  whenOpen(tp: TopicPartition): Promise<void> {
    const credit = this.#creditOf(tp);
    if (credit.isUnbounded || !credit.isAsked) return Promise.resolve();
    return new Promise((resolve) => credit.waiting.push(resolve));
  }

  isOpen(tp: TopicPartition): boolean {
    const credit = this.#creditOf(tp);
    return !(credit.isClosed && credit.isStarved);
  }

  delivered(tp: TopicPartition, messageOffset: bigint, bytes: number): void {
    const credit = this.#creditOf(tp);
    if (credit.isUnbounded) return;
    const report = this.#reports.get(credit) ?? { nextOffset: 0, bytes: 0 };
    report.nextOffset = Math.max(report.nextOffset, Number(messageOffset) + 1);
    report.bytes += bytes;
    this.#reports.set(credit, report);
    this.#reportTimer ??= setTimeout(() => this.#report(), reportEveryMs);
  }

  async close(): Promise<void> {
    clearTimeout(this.#reportTimer);
    this.#report();
    writeLine(this.#socket, { kind: 'leave' });
    await new Promise<void>((resolve) => this.#socket.end(resolve));
    this.#socket.destroy();
  }

  #creditOf({ topic, partition }: TopicPartition): Credit {
    let partitions = this.#credits.get(topic);
    if (partitions === undefined) this.#credits.set(topic, (partitions = new Map<number, Credit>()));
    let credit = partitions.get(partition);
    if (credit === undefined) {
      const name = topicPartitionName({ topic, partition });
      credit = { name, bytes: 0, isUnbounded: false, isAsked: false, isClosed: false, isStarved: false, waiting: [] };
      partitions.set(partition, credit);
      this.#byName.set(name, credit);
    }
    return credit;
  }

  #ask(credit: Credit, needBytes: number): void {
    if (credit.isAsked) return;
    credit.isAsked = true;
    writeLine(this.#socket, { kind: 'take', name: credit.name, needBytes, wantBytes: needBytes + this.#chunkBytes });
  }

  #replied(reply: GateReply): void {
    if (reply.kind === 'hello') return;
    const credit = this.#byName.get(reply.name);
    if (credit === undefined) return;
    credit.isClosed = reply.kind === 'closed';
    if (reply.kind === 'closed') return;
    credit.isAsked = false;
    credit.isStarved = false;
    if (reply.kind === 'grant') credit.bytes += reply.bytes;
    else credit.isUnbounded = true;
    for (const open of credit.waiting.splice(0)) open();
  }

  #report(): void {
    this.#reportTimer = undefined;
    if (this.#reports.size === 0) return;
    const items = [...this.#reports].map(([{ name }, { nextOffset, bytes }]) => [name, nextOffset, bytes] as const);
    this.#reports = new Map();
    writeLine(this.#socket, { kind: 'delivered', items });
  }
}
