// Marble diagrams for a processor's operator, on virtual time, without a broker: what went in and when on one line, what came
// out and when on the next. One character is one millisecond of the logged clock; `a 999ms b` jumps.
// Guarantees: the operator stands behind the same ingest and watermark as in a pipeline; nothing waits on a real clock.
// Redelivery: no dedupe stands before it; a record that is given twice arrives twice.
import { type Observable, type OperatorFunction, filter, map } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import type { FoldEntry } from '../tasks/contract.ts';
import type { Output, StreamBatch, TimedEvent } from './batch.ts';
import { EntryLog, type LoggedEntry } from './entry-log.ts';
import { ingest } from './ingest.ts';
import { watermark } from './watermark.ts';

export interface MarbleOptions<E> {
  readonly operator: OperatorFunction<StreamBatch<E>, StreamBatch<E>>;
  /** `payments-0` alone unless told. */
  readonly partitions?: readonly string[];
  readonly outOfOrdernessMs: number;
  /** Wall time of the first frame. */
  readonly startMs: number;
  /** How an output is written in the expected diagram. */
  readonly show: (output: Output) => unknown;
  /** As in `toEqual` of the test framework. */
  readonly assertEqual: (actual: unknown, expected: unknown) => void;
}

/** An order entry for each letter; its clock is the time at which the letter stands. */
export type MarbleEntries = Readonly<Record<string, Omit<LoggedEntry, 'clockMs'>>>;

/** Plays `input` and checks that outputs come exactly at the times of `expected`, each letter being all of one entry, as shown. */
export function playMarbles<E extends TimedEvent>(
  options: MarbleOptions<E>,
  input: string,
  entries: MarbleEntries,
  expected: string,
  outputs: Readonly<Record<string, readonly unknown[]>>,
): void {
  const scheduler = new TestScheduler(options.assertEqual);
  scheduler.run(({ cold, expectObservable }) => {
    const log = new EntryLog(options.partitions);
    const logged = cold(input, entries).pipe(
      map((entry) => log.append({ ...entry, clockMs: options.startMs + scheduler.now() })),
    );
    expectObservable(shownOutputs(options, logged)).toBe(expected, outputs);
  });
}

function shownOutputs<E extends TimedEvent>(
  { operator, outOfOrdernessMs, show }: MarbleOptions<E>,
  entries: Observable<FoldEntry>,
): Observable<unknown[]> {
  const decoded = ingest<E>({
    decode: (bytes, start, end) => ({
      kind: 'event',
      event: JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))) as E,
    }),
    clockGuard: { maxFutureMs: Infinity, isCreateTimeTrusted: false },
  });
  const timed = watermark<E>({ outOfOrdernessMs });
  return entries.pipe(
    decoded.operator,
    timed.operator,
    operator,
    filter(({ outputs }) => outputs.length > 0),
    map(({ outputs }) => outputs.map(show)),
  );
}
