import { fileURLToPath } from 'node:url';
import type { Config } from '../../config/schema.ts';
import { ruleLanguage } from '../../processors/fraud/rules/rule-language.ts';
import type { CheckExpression } from '../../sources/rules/read-rules.ts';

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
