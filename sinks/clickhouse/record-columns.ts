import type { StoredResult } from './result-checks.ts';
import type { TableName } from './tables.ts';

/**
 * The results that come in thousands, as columns: what each column takes from which place of the record, so that it can be copied
 * there without an object in between (`direct-rows.ts`). Guarantees the same columns in the same order as `writeWindow` and
 * `writeDecision` write, under the same checks as `result-checks.ts` has. Pure.
 */
export type ColumnKind =
  | 'text'
  | 'textOrNull'
  /** Whole numbers from 0 to the type's largest; others are left to the checks. */
  | 'flag'
  | 'u32'
  | 'i32'
  | 'ms'
  | 'msOrNull'
  | 'f64'
  /** Decimal text of 18 digits at most: Int64 and UInt64 alike. */
  | 'decimal'
  /** An object or array, as JSON. */
  | 'object'
  | 'array'
  /** An object of numbers and flags as a map. */
  | 'features';

export interface Column {
  /** `outer` or `outer.inner`. */
  readonly path: string;
  readonly kind: ColumnKind;
  /** Only these texts are taken. */
  readonly oneOf?: readonly string[];
}

export interface DirectKind {
  readonly table: TableName;
  readonly columns: readonly Column[];
}

const columns = (...named: readonly (readonly [path: string, kind: ColumnKind, oneOf?: readonly string[]])[]) =>
  named.map(([path, kind, oneOf]): Column => ({ path, kind, ...(oneOf && { oneOf }) }));

const producer = columns(
  ['revision', 'decimal'],
  ['producer.epoch', 'u32'],
  ['producer.shard', 'u32'],
  ['producer.orderOffset', 'decimal'],
  ['producer.index', 'u32'],
  ['producer.entryId', 'text'],
);

export const directKinds: Readonly<Partial<Record<StoredResult['kind'], DirectKind>>> = {
  window: {
    table: 'window_results',
    columns: [
      ...columns(
        ['pipeline', 'text'],
        ['version', 'u32'],
        ['output', 'text'],
        ['key', 'text'],
        ['windowStartMs', 'ms'],
        ['windowEndMs', 'ms'],
        ['state', 'text', ['provisional', 'final', 'corrected', 'tombstone']],
        ['complete', 'flag'],
        ['watermarkMs', 'msOrNull'],
        ['clockMs', 'ms'],
        ['values', 'object'],
      ),
      ...producer,
    ],
  },
  decision: {
    table: 'decisions',
    columns: [
      ...columns(
        ['pipeline', 'text'],
        ['version', 'u32'],
        ['paymentSource', 'text'],
        ['paymentId', 'text'],
        ['eventTimeMs', 'ms'],
        ['cardId', 'text'],
        ['terminalId', 'textOrNull'],
        ['deviceId', 'textOrNull'],
        ['merchantId', 'textOrNull'],
        ['country', 'textOrNull'],
        ['amountMinor', 'ms'],
        ['currency', 'text'],
        ['outcome', 'text', ['approve', 'review', 'decline']],
        ['score', 'f64'],
        ['reviewScore', 'f64'],
        ['declineScore', 'f64'],
        ['ruleSetVersion', 'text'],
        ['rules', 'array'],
        ['features', 'object'],
        ['features', 'features'],
        ['clockMs', 'ms'],
        ['input.topic', 'text'],
        ['input.partition', 'i32'],
        ['input.inputOffset', 'decimal'],
      ),
      ...producer,
    ],
  },
};
