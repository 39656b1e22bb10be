import { z } from 'zod';
import { amqpUrl, secretRef, text, whole } from './fields.ts';

const bridgedQueue = z.strictObject({
  queue: z.string().min(1).max(255).describe('The queue. It must exist.'),
  topic: z.enum(['payments', 'interactions', 'labels']).describe('The topic that its messages go into.'),
  prefetch: whole(1_000, 1, 65_535).describe('Messages at a time that are not acknowledged; they are in memory.'),
  messageBytesMax: whole(524_288, 1, 2_000_000).describe(
    "A larger one is put into the queue `<queue>.millrace-refused`; the topic's broker must take what is smaller.",
  ),
});

/** What comes by RabbitMQ: part of the schema. */
export const amqp = z.strictObject({
  url: amqpUrl().describe('amqp(s)://host:port/vhost of a RabbitMQ; empty: none.'),
  user: text('guest').describe('User to connect as.'),
  passwordRef: secretRef().describe('Reference to the password; empty: guest.'),
  caFile: text().describe("File with the server's CA certificates (PEM); empty: the system's."),
  queues: z
    .array(bridgedQueue)
    .max(100)
    .default([])
    .describe('Queues that are bridged into topics, each with queue, topic and more: docs/amqp.md.'),
});
