// Expressions that only compare, calculate and combine, as closures: most rules do nothing else, and the interpreter of the language asks
// for an object of a hundred named values first.
// Guarantees: the answer is the interpreter's (rule-language.ts has checked the types); what is not one of these forms gives null.
// Redelivery: no state.
import type { ASTNode } from '@marcbachmann/cel-js';
import { isFeature, isFlagAt, placeOf } from '../feature-row.ts';
import { type RuleSubject, paymentNumbers, paymentTexts } from './rule-subject.ts';

/** Whether an entity of the payment that is judged now is on a list. */
export type IsListed = (list: string, entityType: string) => boolean;

type Of<T> = (subject: RuleSubject) => T;
type Form =
  | { readonly kind: 'bool'; readonly of: Of<boolean> }
  | { readonly kind: 'number'; readonly of: Of<number> }
  | { readonly kind: 'text'; readonly of: Of<string> };

const bool = (of: Of<boolean>): Form => ({ kind: 'bool', of });
const number = (of: Of<number>): Form => ({ kind: 'number', of });
const text = (of: Of<string>): Form => ({ kind: 'text', of });

/** What `ast` says of a payment; null where it is beyond these forms. */
export function quickRule(ast: ASTNode, isListed: IsListed): Of<boolean> | null {
  const form = formOf(ast, isListed);
  return form?.kind === 'bool' ? form.of : null;
}

function formOf(node: ASTNode, isListed: IsListed): Form | null {
  const form = (of: ASTNode): Form | null => formOf(of, isListed);
  switch (node.op) {
    case 'value':
      return literal(node.args);
    case '.':
      return fieldOf(node.args);
    case '!_': {
      const inner = form(node.args);
      return inner?.kind === 'bool' ? bool(negated(inner.of)) : null;
    }
    case '-_': {
      const inner = form(node.args);
      return inner?.kind === 'number' ? number((subject) => -inner.of(subject)) : null;
    }
    case '&&':
    case '||':
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
    case '+':
    case '-':
    case '*':
    case '/': {
      const [left, right] = [form(node.args[0]), form(node.args[1])];
      return left && right && binary(node.op, left, right);
    }
    case 'in':
      return oneOf(form(node.args[0]), node.args[1]);
    case 'call':
      return call(node.args[0], node.args[1].map(form), isListed);
    default:
      return null;
  }
}

function literal(value: unknown): Form | null {
  if (typeof value === 'boolean') return bool(() => value);
  if (typeof value === 'number') return number(() => value);
  return typeof value === 'string' ? text(() => value) : null;
}

function fieldOf([of, name]: readonly [ASTNode, string]): Form | null {
  if (of.op !== 'id') return null;
  if (of.args === 'f' && isFeature(name)) {
    const place = placeOf(name);
    if (isFlagAt(place)) return bool(({ row }) => row[place] === 1);
    return number(({ row }) => row[place] as number);
  }
  if (of.args !== 'payment') return null;
  const [ofText, ofNumber] = [paymentTexts[name], paymentNumbers[name]];
  return ofText ? text(ofText) : ofNumber ? number(ofNumber) : null;
}

type Operator = '&&' | '||' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/';

function binary(operator: Operator, left: Form, right: Form): Form | null {
  if (left.kind === 'bool' && right.kind === 'bool') return ofBools(operator, left.of, right.of);
  if (left.kind === 'number' && right.kind === 'number') return ofNumbers(operator, left.of, right.of);
  if (left.kind === 'text' && right.kind === 'text') return ofTexts(operator, left.of, right.of);
  return null;
}

function ofBools(operator: Operator, a: Of<boolean>, b: Of<boolean>): Form | null {
  switch (operator) {
    case '&&':
      return bool((subject) => a(subject) && b(subject));
    case '||':
      return bool((subject) => a(subject) || b(subject));
    case '==':
      return bool((subject) => a(subject) === b(subject));
    case '!=':
      return bool((subject) => a(subject) !== b(subject));
    default:
      return null;
  }
}

function ofNumbers(operator: Operator, a: Of<number>, b: Of<number>): Form | null {
  switch (operator) {
    case '==':
      return bool((subject) => a(subject) === b(subject));
    case '!=':
      return bool((subject) => a(subject) !== b(subject));
    case '<':
      return bool((subject) => a(subject) < b(subject));
    case '<=':
      return bool((subject) => a(subject) <= b(subject));
    case '>':
      return bool((subject) => a(subject) > b(subject));
    case '>=':
      return bool((subject) => a(subject) >= b(subject));
    case '+':
      return number((subject) => a(subject) + b(subject));
    case '-':
      return number((subject) => a(subject) - b(subject));
    case '*':
      return number((subject) => a(subject) * b(subject));
    case '/':
      return number((subject) => a(subject) / b(subject));
    default:
      return null;
  }
}

function ofTexts(operator: Operator, a: Of<string>, b: Of<string>): Form | null {
  if (operator === '==') return bool((subject) => a(subject) === b(subject));
  return operator === '!=' ? bool((subject) => a(subject) !== b(subject)) : null;
}

/** In a list of texts, or of numbers, as they stand. */
function oneOf(left: Form | null, list: ASTNode): Form | null {
  if (!left || left.kind === 'bool' || list.op !== 'list') return null;
  const type = left.kind === 'text' ? 'string' : 'number';
  const values = list.args.map(({ op, args }) => (op === 'value' ? args : null));
  if (values.some((value) => typeof value !== type)) return null;
  const { of }: { of: Of<unknown> } = left;
  // Not `includes`: it finds what is not a number.
  return bool((subject) => (values as readonly unknown[]).indexOf(of(subject)) >= 0);
}

function call(name: string, args: readonly (Form | null)[], isListed: IsListed): Form | null {
  const [first, second, ...more] = args;
  if (name === 'known' && first?.kind === 'number' && args.length === 1)
    return bool((subject) => !Number.isNaN(first.of(subject)));
  if (name === 'listed' && first?.kind === 'text' && second?.kind === 'text' && more.length === 0)
    return bool((subject) => isListed(first.of(subject), second.of(subject)));
  return null;
}

const negated =
  (of: Of<boolean>): Of<boolean> =>
  (subject) =>
    !of(subject);
