import type { Comparison } from './compare.ts';
import { compareRevenue } from './compare.ts';
import { fraudOracles } from './oracle-decisions.ts';
import { listOracles } from './oracle-lists.ts';
import { predictionsOracle } from './oracle-predictions.ts';
import { revenueOracle } from './oracle-revenue.ts';
import { storedRevenue } from './stored-rows.ts';

export interface JourneyFile {
  readonly file: string;
  readonly rows: number;
}

/** What the oracles may know: the files, and the options of time that the service has by default. */
export interface JourneyInput {
  /** In the handbook's columns. */
  readonly payments: JourneyFile;
  /** In the Globo set's columns. */
  readonly clicks?: JourneyFile | undefined;
  readonly partitions: number;
  readonly outOfOrdernessMs: number;
}

/** Where the service's rows are. */
export interface Stored {
  readonly url: string;
  readonly database: string;
}

/** One kind of result, computed without the engine. `compare` reads what the service stored and holds it against that. */
export interface JourneyOracle {
  /** The name under which its count is shown, e.g. `revenue`. */
  readonly kind: string;
  compare(stored: Stored): Promise<Comparison>;
}

/** Every oracle of the journey, made while the service works. */
export async function journeyOracles(input: JourneyInput): Promise<readonly JourneyOracle[]> {
  const fraud = await fraudOracles(input);
  return [await revenue(input), ...fraud.oracles, ...(await listOracles(input)), predictionsOracle(input, fraud)];
}

async function revenue({ payments, ...time }: JourneyInput): Promise<JourneyOracle> {
  const oracle = await revenueOracle({ ...payments, ...time });
  return { kind: 'revenue', compare: ({ url, database }) => compareRevenue(oracle, storedRevenue(url, database)) };
}
