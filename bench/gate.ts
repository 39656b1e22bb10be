// The regression gate of `.ci/run`: ratios of two rates of the same run, never rates, with bounds at a third to a half of what they were when
// they were set, so that only a change that makes something several times dearer is stopped.
import type { FraudSetup } from './fraud/child.ts';
import { runMeasured } from './measured-process.ts';
import { type Measured, rounded, together } from './meter.ts';
import type { NexmarkSetup } from './nexmark/child.ts';
import type { QueryName } from './nexmark/queries.ts';

/** Its own figures are those of all runs together. */
export interface GateResult extends Measured {
  readonly bench: 'gate';
  readonly ratios: Readonly<Record<string, { readonly ratio: number; readonly atLeast: number }>>;
  readonly isWithinGoal: boolean;
  readonly broker: null;
}

const payments = 60_000;
const events = 100_000;

/** Ends the process with 1 where a ratio is below its bound. */
export async function benchGate(): Promise<GateResult> {
  const runs: Measured[] = [];
  const rateOf = async (file: string, setup: FraudSetup | NexmarkSetup): Promise<number> => {
    const measured = await runMeasured<Measured>({ file, setup });
    runs.push(measured);
    return measured.eventsPerCpuSecondSecondHalf;
  };
  const fraud = (mode: FraudSetup['mode']): Promise<number> =>
    rateOf('fraud/child.ts', { mode, payments, cards: 5_000 });
  const query = (name: QueryName): Promise<number> =>
    rateOf('nexmark/child.ts', { query: name, events, isChecked: false });
  const decode = await fraud('decode');
  const passed = await query('q0');
  const ratios = {
    // Decisions over the decode stage alone: .015 to .018.
    fraudOverDecode: { ratio: (await fraud('fold')) / decode, atLeast: 0.006 },
    // Hopping windows by auction, over passing every bid on: .72.
    hoppingOverPassing: { ratio: (await query('q5')) / passed, atLeast: 0.25 },
    // The last bid of each pair, nearly as many keys as bids: .56.
    manyKeysOverPassing: { ratio: (await query('q18')) / passed, atLeast: 0.2 },
    // Sessions by bidder: .96.
    sessionsOverPassing: { ratio: (await query('q11')) / passed, atLeast: 0.35 },
  };
  const isWithinGoal = Object.values(ratios).every(({ ratio, atLeast }) => ratio >= atLeast);
  if (!isWithinGoal) process.exitCode = 1;
  const told = Object.entries(ratios).map(([name, one]) => [name, { ...one, ratio: rounded(one.ratio, 4) }] as const);
  return { bench: 'gate', broker: null, ...together(runs), ratios: Object.fromEntries(told), isWithinGoal };
}
