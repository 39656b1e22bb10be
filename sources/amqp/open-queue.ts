// One connection to RabbitMQ that consumes one queue: the only file that knows amqplib.
// Guarantees: at most `prefetch` deliveries are out; nothing is acknowledged but by `ackUpTo`; the end is told once, whatever it was.
// Redelivery: what was not acknowledged when the connection ends comes again, to us or to whoever consumes next.
import { readFileSync } from 'node:fs';
import { connect, type ChannelModel, type ConsumeMessage, type Options } from 'amqplib';
import { AmqpError, toAmqpError } from './amqp-error.ts';

export interface Delivery {
  /** Rises by one within a connection. */
  readonly tag: number;
  readonly content: Uint8Array;
  readonly isRedelivered: boolean;
  /** As far as it is kept when the message is set aside. */
  readonly properties: Options.Publish;
}

export interface QueueHandlers {
  delivered(delivery: Delivery): void;
  /** Nothing comes any more; once. Not called after `close`. */
  ended(error: AmqpError): void;
}

export interface OpenedQueue {
  /** This one and all before it are done with. On a connection that has ended it does nothing: they come again. */
  ackUpTo(delivery: Delivery): void;
  /** Puts the message into another queue, made (durable) where it is missing; resolves when RabbitMQ has it. */
  setAside(queue: string, delivery: Delivery, why: string): Promise<void>;
  close(): Promise<void>;
}

/** Resolves when deliveries come. Rejects with an `AmqpError`. */
export type OpenQueue = (handlers: QueueHandlers) => Promise<OpenedQueue>;

export interface QueueAddress {
  /** amqp(s)://host:port/vhost */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** PEM; empty: the system's. */
  readonly caFile: string;
  /** Must exist. */
  readonly queue: string;
  /** Deliveries that are not acknowledged. */
  readonly prefetch: number;
}

const heartbeatSeconds = 10;
const connectTimeoutMs = 10_000;
const closeTimeoutMs = 2_000;

/** How to open that queue, each time anew. */
export function queueAt(address: QueueAddress): OpenQueue {
  return async (handlers) => {
    const connection = await dial(address);
    try {
      return await consume(connection, address, handlers);
    } catch (error) {
      await hangUp(connection);
      throw toAmqpError(error, 'consuming');
    }
  };
}

async function dial({ url, user, password, caFile }: QueueAddress): Promise<ChannelModel> {
  const { protocol, hostname, port, pathname } = new URL(url);
  const address = {
    protocol: protocol.slice(0, -1),
    hostname: hostname.replace(/^\[|\]$/g, ''),
    ...(port !== '' && { port: Number(port) }),
    ...{ username: user, password, heartbeat: heartbeatSeconds },
    // The client takes the escapes out.
    vhost: pathname.slice(1),
  };
  const socket = {
    ...{ timeout: connectTimeoutMs, noDelay: true, clientProperties: { connection_name: 'millrace' } },
    ...(caFile !== '' && { ca: [readFileSync(caFile)] }),
  };
  try {
    const connection = await connect(address, socket);
    // Told again by `close`; unheard it would end the process.
    connection.on('error', () => {});
    return connection;
  } catch (error) {
    throw toAmqpError(error, 'handshake');
  }
}

async function consume(
  connection: ChannelModel,
  { queue, prefetch }: QueueAddress,
  handlers: QueueHandlers,
): Promise<OpenedQueue> {
  const channel = await connection.createChannel();
  let isOver = false;
  let first: unknown;
  const end = (error: unknown): void => {
    if (isOver) return;
    isOver = true;
    handlers.ended(toAmqpError(first ?? error, 'consuming'));
  };
  for (const one of [channel, connection]) {
    one.on('error', (error) => (first ??= error));
    one.on('close', end);
  }
  await channel.prefetch(prefetch);
  const deliver = (message: ConsumeMessage | null): void => {
    if (message) handlers.delivered(deliveryOf(message));
    else end(new AmqpError('amqp_queue_missing', `the queue ${queue} was deleted`));
  };
  await channel.consume(queue, deliver);
  return {
    ackUpTo({ tag }) {
      if (isOver) return;
      try {
        channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage, true);
      } catch (error) {
        end(error);
      }
    },
    setAside: (other, delivery, why) => setAside(connection, other, delivery, why),
    close() {
      isOver = true;
      return hangUp(connection);
    },
  };
}

/** Bounded: on a dead line nobody answers. */
async function hangUp(connection: ChannelModel): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, closeTimeoutMs)));
  await Promise.race([connection.close().catch(() => {}), late]);
  clearTimeout(timer);
}

/** On a channel of its own, which a refusal ends. */
async function setAside(
  connection: ChannelModel,
  queue: string,
  { content, properties }: Delivery,
  why: string,
): Promise<void> {
  try {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    await channel.assertQueue(queue, { durable: true });
    const headers = { ...(properties.headers as object | undefined), 'x-millrace-reason': why };
    channel.sendToQueue(queue, Buffer.from(content), { ...properties, headers, persistent: true });
    await channel.waitForConfirms();
    await channel.close();
  } catch (error) {
    throw toAmqpError(error, 'consuming');
  }
}

/** Neither `expiration`, which would lose it, nor `userId`, which RabbitMQ compares with ours. */
function deliveryOf({ content, fields, properties }: ConsumeMessage): Delivery {
  const { contentType, contentEncoding, messageId, correlationId, type, appId, timestamp, headers } = properties;
  const kept = { contentType, contentEncoding, messageId, correlationId, type, appId, timestamp, headers };
  return {
    tag: fields.deliveryTag,
    content,
    isRedelivered: fields.redelivered,
    properties: kept as Options.Publish,
  };
}
