// What the windows of a view do with the fields of an event, one field after the other as source text of its own. In a loop over fields
// each call may be of any function, so that V8 calls it; in its own line it is always the same one, so that V8 inlines it.
// Guarantees: does what a loop over the fields does; the text holds places in a list and a serial number, nothing else.
// Redelivery: no state.
import type { Field } from './aggregates/aggregate.ts';
import type { NamedFields } from './window-rows.ts';

/** For all fields of a view, in their order. `states`: by field, then by place. */
export interface FieldSteps<E> {
  /** What the event holds for each; throws what fields throw, and a RangeError for a number that is not finite. */
  read(event: E, values: unknown[]): void;
  /** One place more, with the states of nothing. */
  init(states: unknown[][]): void;
  add(states: unknown[][], place: number, values: readonly unknown[]): void;
}

/** Two functions of the same text would share what V8 knows of their calls. */
let serial = 0;

export function fieldSteps<E>(fields: NamedFields<E>): FieldSteps<E> {
  const parts = fields.map(([, field]) => field);
  const each = (line: (f: number) => string): string => parts.map((_part, f) => line(f)).join(' ');
  const text = `'use strict'; // ${serial++}
    ${each((f) => `const { of: of${f}, aggregate: aggregate${f} } = fields[${f}];`)}
    return {
      read(event, values) { ${each((f) => `const v${f} = of${f}(event); if (!isFit(v${f})) refuse(); values[${f}] = v${f};`)} },
      init(states) { ${each((f) => `states[${f}].push(aggregate${f}.init());`)} },
      add(states, place, values) {
        ${each((f) => `const states${f} = states[${f}]; states${f}[place] = aggregate${f}.add(states${f}[place], values[${f}]);`)}
      },
    };`;
  // oxlint-disable-next-line typescript/no-implied-eval
  const create = new Function('fields', 'isFit', 'refuse', text) as (
    ...used: readonly [readonly Field<E>[], typeof isFit, typeof refuse]
  ) => FieldSteps<E>;
  return create(parts, isFit, refuse);
}

const isFit = (value: unknown): boolean => typeof value !== 'number' || Number.isFinite(value);

function refuse(): never {
  throw new RangeError('a number that is not finite');
}
