// The language of rules: CEL (https://cel.dev) over `payment` and the features `f`, checked by type when a rule is compiled.
// Guarantees: an expression that compiles is a statement about one payment that ends; unknown names and mixed types are told when it
// is compiled. What has nothing to say is not a number (false in every comparison), "" or false; `known(f.x)` asks.
// Redelivery: no state but the payment that is judged now.
import { Environment } from '@marcbachmann/cel-js';
import { featureNames, isFlag } from '../feature-names.ts';
import { numbersAreDoubles } from './numbers-are-doubles.ts';
import { type IsListed, quickRule } from './quick-rule.ts';
import { type RuleSubject, paymentNumbers, paymentTexts, ruleContext } from './rule-subject.ts';

export type CompiledRule =
  /** `isQuick`: not left to the interpreter. */
  | { readonly kind: 'compiled'; readonly isQuick: boolean; readonly hits: (subject: RuleSubject) => boolean }
  /** `line` and `column` count from 1, where the compiler says. */
  | { readonly kind: 'faulty'; readonly message: string };

export interface RuleLanguage {
  compile(expression: string): CompiledRule;
}

/** `quickly`: false leaves every expression to the interpreter, which says the same and takes its time. */
export function ruleLanguage(isListed: IsListed, quickly = true): RuleLanguage {
  const typed = (names: readonly string[], type: string) => Object.fromEntries(names.map((name) => [name, type]));
  const environment = new Environment({ unlistedVariablesAreDyn: false })
    .registerType('Payment', {
      fields: { ...typed(Object.keys(paymentTexts), 'string'), ...typed(Object.keys(paymentNumbers), 'double') },
    })
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
        const quick = quickly ? quickRule(evaluate.ast, isListed) : null;
        if (quick) return { kind: 'compiled', isQuick: true, hits: quick };
        return { kind: 'compiled', isQuick: false, hits: (subject) => evaluate(ruleContext(subject)) === true };
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
