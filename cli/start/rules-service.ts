import { randomUUID } from 'node:crypto';
import { createRulePublisher } from '../../sources/rules/publisher.ts';
import type { Service } from '../../telemetry/service.ts';
import { owning } from './owning.ts';
import { expressionCheck, rulesFolder } from './rules-folder.ts';
import type { ServiceParts } from './parts.ts';

/** Publishes the rules of the folder and what changes in it. */
export async function rulesService({ infrastructure, config, clock, logger }: ServiceParts): Promise<Service> {
  const { kafka, gate } = infrastructure;
  const producer = await kafka.producer(gate && { gate });
  const publisher = createRulePublisher({
    ...{ folder: rulesFolder(config), check: expressionCheck(), producer, newId: randomUUID, clock },
    logger: logger.child({ service: 'rules' }),
  });
  return owning(publisher, [producer]);
}
