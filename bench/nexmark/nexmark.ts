// Nexmark: ten of its queries over a seeded stream of persons, auctions and bids; each is first held against an oracle, row by row, then
// timed on one core.
import { parseArgs } from 'node:util';
import { runMeasured } from '../measured-process.ts';
import { type Measured, rounded, together } from '../meter.ts';
import type { NexmarkCheck, NexmarkMeasured, NexmarkSetup } from './child.ts';
import type { QueryName } from './queries.ts';

/** Its own figures are those of all queries together. */
export interface NexmarkResult extends Measured {
  readonly bench: 'nexmark';
  /** Events are at hand, as bytes; rows are made as bytes. */
  readonly broker: null;
  readonly checkedEvents: number;
  readonly queries: Readonly<Record<string, NexmarkMeasured & { readonly difference: NexmarkCheck }>>;
  /** Events a CPU-second of each query over those of q0, which only passes bids on. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly isExact: boolean;
}

const all: readonly QueryName[] = ['q0', 'q1', 'q2', 'q5', 'q7', 'q11', 'q12', 'q17', 'q18', 'q19'];

export async function benchNexmark(args: readonly string[]): Promise<NexmarkResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string', default: '1000000' },
      check: { type: 'string', default: '200000' },
      queries: { type: 'string', default: all.join(',') },
      json: { type: 'boolean', default: false },
    },
  });
  const [events, checkedEvents] = [Number(values.events), Number(values.check)];
  const results: Record<string, NexmarkMeasured & { difference: NexmarkCheck }> = {};
  const file = 'nexmark/child.ts';
  for (const query of all.filter((name) => values.queries.split(',').includes(name))) {
    const checking: NexmarkSetup = { query, events: checkedEvents, isChecked: true };
    const difference = await runMeasured<NexmarkCheck>({ file, setup: checking });
    const measured = await runMeasured<NexmarkMeasured>({ file, setup: { query, events, isChecked: false } });
    results[query] = { ...measured, difference };
    const { expected, missing, extra } = difference;
    if (!values.json)
      process.stderr.write(
        `${query}: ${measured.eventsPerCpuSecond} events a CPU-second; of ${expected} rows ${missing} missing, ${extra} extra\n`,
      );
  }
  const rateOf = (query: string): number => results[query]?.eventsPerCpuSecond ?? Number.NaN;
  return {
    ...{ bench: 'nexmark', broker: null },
    ...together(Object.values(results)),
    ...{ checkedEvents, queries: results },
    ratios: Object.fromEntries(Object.keys(results).map((query) => [query, rounded(rateOf(query) / rateOf('q0'), 3)])),
    isExact: Object.values(results).every(({ difference: { missing, extra } }) => missing + extra === 0),
  };
}
