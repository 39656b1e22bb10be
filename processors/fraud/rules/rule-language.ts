// The language of rules: CEL (https://cel.dev) over `payment` and the features `f`, checked by type when a rule is compiled.
// Guarantees: an expression that compiles is a statement about one payment that ends; unknown names and mixed types are told when it
// is compiled. What has nothing to say is not a number (false in every comparison), "" or false; `known(f.x)` asks.
// Redelivery: no state but the payment that is judged now.
import { Environment } from '@marcbachmann/cel-js';
import type { Payment } from '../../../events/payment.ts';
import { featureNames, isFlag } from '../feature-names.ts';
import type { FeatureValues } from '../features.ts';
import { numbersAreDoubles } from './numbers-are-doubles.ts';

/** What an expression is judged over. */
export interface RuleContext {
  readonly payment: Readonly<Record<string, string | number>>;
  readonly f: Readonly<Record<string, number | boolean>>;
}

/** Whether an entity of the payment that is judged now is on a list. */
export type IsListed = (list: string, entityType: string) => boolean;

export type CompiledRule =
  | { readonly kind: 'compiled'; readonly hits: (context: RuleContext) => boolean }
  /** `line` and `column` count from 1, where the compiler says. */
  | { readonly kind: 'faulty'; readonly message: string };

const paymentTexts = [
  'id',
  'source',
  'currency',
  'cardId',
  'terminalId',
  'merchantId',
  'deviceId',
  'country',
  'category',
] as const;
const paymentNumbers = ['amountMinor', 'eventTimeMs', 'latitude', 'longitude'] as const;

export interface RuleLanguage {
  compile(expression: string): CompiledRule;
}

export function ruleLanguage(isListed: IsListed): RuleLanguage {
  const typed = (names: readonly string[], type: string) => Object.fromEntries(names.map((name) => [name, type]));
  const environment = new Environment({ unlistedVariablesAreDyn: false })
    .registerType('Payment', { fields: { ...typed(paymentTexts, 'string'), ...typed(paymentNumbers, 'double') } })
    .registerType('Features', {
      fields: Object.fromEntries(featureNames.map((name) => [name, isFlag(name) ? 'bool' : 'double'])),
    })
    .registerVariable('payment', 'Payment')
    .registerVariable('f', 'Features')
    .registerFunction('known(double): bool', (value: number) => !Number.isNaN(value))
    .registerFunction('listed(string, string): bool', (list: string, entityType: string) => isListed(list, entityType));
  return {
    compile(expression) {
      try {
        const evaluate = environment.parse(numbersAreDoubles(expression));
        const { valid, type, error } = evaluate.check();
        if (!valid) return faulty(error);
        if (type !== 'bool') return { kind: 'faulty', message: `says ${type ?? 'nothing'}, not true or false` };
        return { kind: 'compiled', hits: (context) => evaluate(context) === true };
      } catch (error) {
        return faulty(error);
      }
    },
  };
}

/** The first line: what follows draws the expression. */
const faulty = (error: unknown): CompiledRule => ({
  kind: 'faulty',
  message: (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? 'cannot be compiled',
});

export function ruleContext(payment: Payment, features: FeatureValues): RuleContext {
  const given = payment as unknown as Readonly<Record<string, string | number | undefined>>;
  const fields: Record<string, string | number> = {};
  for (const name of paymentTexts) fields[name] = given[name] ?? '';
  for (const name of paymentNumbers) fields[name] = given[name] ?? Number.NaN;
  const f: Record<string, number | boolean> = {};
  for (const name of featureNames) f[name] = features[name] ?? (isFlag(name) ? false : Number.NaN);
  return { payment: fields, f };
}
