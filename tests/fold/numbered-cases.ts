import type { WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Fold, FoldOutput } from '../../tasks/contract.ts';
import { type NumberedOptions, numbered, numberedPayment } from '../crash/numbered-processor.ts';
import { T0, pipelineOf, record, resultsOf } from './cases.ts';

/** What the tests of mixed window kinds share. */
export const CLOCK = T0 + 7_200_000;
export const SECOND = 1_000;
export const idle = ['payments-0'];

/** No allowed lateness, provisional rows practically never, unless told. */
export function numberedPipeline(options: Partial<NumberedOptions> = {}, outOfOrdernessMs = 5 * SECOND): Fold {
  const defaults = { allowedLatenessMs: 0, provisionalEveryMs: 1e15, keysMax: 1_000 };
  return pipelineOf(numbered({ ...defaults, ...options }), { outOfOrdernessMs });
}

export const windowsOf = (outputs: readonly FoldOutput[]): (WindowResult & { topic: string })[] =>
  resultsOf(outputs).filter((result): result is WindowResult & { topic: string } => result.kind === 'window');

/** `state [start, end) count = sum`, in seconds after T0, of one output; provisional rows, marked (p), if asked. */
export const brief = (outputs: readonly FoldOutput[], name: string, withProvisional = false): string[] =>
  windowsOf(outputs)
    .filter(({ output, topic }) => output === name && (withProvisional || topic === resultTopics.windows))
    .map(({ topic, state, windowStartMs, windowEndMs, values, key }) => {
      const span = `${(windowStartMs - T0) / SECOND}–${(windowEndMs - T0) / SECOND}`;
      const what = state === 'tombstone' ? '' : ` ${String(values['count'])}=${String(values['numbersSum'])}`;
      return `${topic === resultTopics.provisional ? '(p) ' : ''}${state} ${key} ${span}${what}`;
    });

/** Numbered payments of card 1 at these seconds, in this order; the number is the second times 10. */
export const at = (...seconds: number[]) =>
  seconds.map((s) => record(numberedPayment(Math.round(s * 10), 1, T0 + Math.round(s * SECOND))));

/** What a reader of both topics, or of the final rows only, holds in the end, as the oracle writes it. */
export function held(outputs: readonly FoldOutput[], isFinalOnly: boolean) {
  const rows = new Map<string, WindowResult>();
  for (const row of windowsOf(outputs)) {
    if (isFinalOnly && row.topic === resultTopics.provisional) continue;
    const id = `${row.output} ${row.windowStartMs} ${row.key}`;
    if (row.state === 'tombstone') rows.delete(id);
    else rows.set(id, row);
  }
  return new Map([...rows].map(([id, { windowEndMs, values }]) => [id, { endMs: windowEndMs, ...values }]));
}

export const sorted = (rows: ReadonlyMap<string, unknown>): [string, unknown][] =>
  [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
