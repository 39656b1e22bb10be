import { readSecret } from '../../config/secrets.ts';
import { createBridge } from '../../sources/amqp/bridge.ts';
import { queueAt } from '../../sources/amqp/open-queue.ts';
import { createAmqpService } from '../../sources/amqp/service.ts';
import type { Service } from '../../telemetry/service.ts';
import { owning } from './owning.ts';
import type { ServiceParts } from './parts.ts';

const defaultPassword = 'guest';

/** The bridges from RabbitMQ, each over a connection of its own, with one producer. */
export async function amqpService({ infrastructure, config, env, ...parts }: ServiceParts): Promise<Service> {
  const { kafka, gate } = infrastructure;
  const { url, user, passwordRef, caFile, queues } = config.amqp;
  const password = readSecret(passwordRef, env) ?? defaultPassword;
  const { clock, metrics } = parts;
  const logger = parts.logger.child({ service: 'amqp' });
  const producer = await kafka.producer(gate && { gate });
  const bridges = queues.map(({ queue, prefetch, topic, messageBytesMax }) => {
    const open = queueAt({ url, user, password, caFile, queue, prefetch });
    const bridge = { queue, topic, messageBytesMax, open, producer, clock, random: Math.random, logger, metrics };
    return [queue, createBridge(bridge)] as const;
  });
  return owning(createAmqpService({ bridges: new Map(bridges), clock }), [producer]);
}
