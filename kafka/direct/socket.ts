import { connect, type Socket } from 'node:net';
import { Connection } from '@platformatic/kafka';
import { KafkaError } from '../contract.ts';
import type { AnswerFrames } from './answer-frames.ts';
import type { Address, LinkOptions } from './link.ts';
import { linkError, securityOf } from './security.ts';

/** A socket to a broker, logged in, whose bytes go to `frames`. */
export interface BrokerSocket {
  readonly socket: Socket;
  /** Takes what nobody here has asked: the library logs in anew from time to time. */
  readonly others: ((correlationId: number, answer: Buffer) => void) | null;
  close(): Promise<void>;
}

export interface SocketOptions extends LinkOptions {
  readonly frames: AnswerFrames;
  /** What came cannot be read. */
  readonly broken: (error: unknown) => void;
}

const connectTimeoutMs = 5_000;

/** Rejects with a `KafkaError`: `kafka_not_authorised` where the broker refuses the login. */
export function openSocket(address: Address, options: SocketOptions): Promise<BrokerSocket> {
  return options.security ? openLoggedIn(address, options) : openPlain(address, options);
}

/** Node reads into memory that it is given, so that no piece of 64 kB is made for each time it reads. */
async function openPlain({ host, port }: Address, { frames, broken }: SocketOptions): Promise<BrokerSocket> {
  const read = (bytes: number): boolean => {
    guarded(() => frames.filled(bytes), broken);
    return true;
  };
  const socket = connect({ host, port, noDelay: true, onread: { buffer: () => frames.target(), callback: read } });
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.destroy();
      reject(linkError(error, `connect to ${host}:${port}`));
    };
    socket.setTimeout(connectTimeoutMs, () => fail(new KafkaError('kafka_timed_out', 'no connection in time')));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.removeListener('error', fail);
      resolve();
    });
  });
  return { socket, others: null, close: () => closed(socket) };
}

/** The library connects and logs in; then what comes is read here, and the library handed what it asked for itself. */
async function openLoggedIn({ host, port }: Address, options: SocketOptions): Promise<BrokerSocket> {
  const { frames, broken } = options;
  const connection = new Connection(options.clientId, {
    ...{ connectTimeout: connectTimeoutMs, requestTimeout: options.requestTimeoutMs },
    ...securityOf(options.security, host),
  });
  // What fails is told by the calls below; without a listener an error event would end the process.
  connection.on('error', () => {});
  try {
    await connection.connect(host, port);
  } catch (error) {
    throw linkError(error, `connect to ${host}:${port}`);
  }
  const { socket } = connection;
  if (!socket) throw new KafkaError('kafka_unavailable', `connect to ${host}:${port}: closed at once`);
  const theirs = socket.listeners('data');
  socket.removeAllListeners('data');
  socket.on('data', (bytes: Buffer) => guarded(() => frames.take(bytes), broken));
  const others = (correlationId: number, answer: Buffer): void => {
    const head = Buffer.alloc(8);
    head.writeInt32BE(4 + answer.length, 0);
    head.writeInt32BE(correlationId, 4);
    for (const take of theirs) Reflect.apply(take, socket, [Buffer.concat([head, answer])]);
  };
  const close = async (): Promise<void> => {
    // It would log in anew some time.
    void connection.close().catch(() => undefined);
    await closed(socket);
  };
  return { socket, others, close };
}

function guarded(act: () => void, broken: (error: unknown) => void): void {
  try {
    act();
  } catch (error) {
    broken(error);
  }
}

/** What was not written yet is not waited for: the other side may not read any more. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once('close', () => resolve());
    socket.destroy();
  });
}
