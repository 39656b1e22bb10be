import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { ruleLanguage } from '../../processors/fraud/rules/rule-language.ts';
import type { CheckExpression } from '../../sources/rules/read-rules.ts';
import { createRulePublisher } from '../../sources/rules/publisher.ts';
import type { Config } from '../../config/schema.ts';
import type { Service } from '../../telemetry/service.ts';
import { owning } from './owning.ts';
import type { ServiceParts } from './parts.ts';

/** Where this configuration has its rules. */
export const rulesFolder = ({ pipelines }: Config): string =>
  pipelines.fraud.rulesDir || fileURLToPath(new URL('../../config/rules', import.meta.url));

/** Compiles an expression as the pipeline would. */
export function expressionCheck(): CheckExpression {
  const language = ruleLanguage(() => false);
  return (expression) => {
    const compiled = language.compile(expression);
    return compiled.kind === 'faulty' ? compiled.message : null;
  };
}

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
