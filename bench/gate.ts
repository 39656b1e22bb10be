// The regression gate of `.ci/run`: ratios of two rates of the same run, never rates, with bounds at a third to a half of what they were when
// they were set, so that only a change that makes something several times dearer is stopped.
import type { FraudMeasured, FraudSetup } from './fraud/child.ts';
import { runMeasured } from './measured-process.ts';
import { type Measured, rounded } from './meter.ts';
import type { NexmarkMeasured, NexmarkSetup } from './nexmark/child.ts';
import type { QueryName } from './nexmark/queries.ts';

export interface GateResult {
  readonly bench: 'gate';
  readonly ratios: Readonly<Record<string, { readonly ratio: number; readonly atLeast: number }>>;
  readonly isWithinGoal: boolean;
  readonly broker: null;
  readonly node: string;
}

const payments = 60_000;
const events = 100_000;

/** Ends the process with 1 where a ratio is below its bound. */
export async function benchGate(): Promise<GateResult> {
  const fraud = <T extends Measured>(mode: FraudSetup['mode']): Promise<T> =>
    runMeasured<T>({ file: 'fraud/child.ts', setup: { mode, payments, cards: 5_000 } satisfies FraudSetup });
  const query = (name: QueryName): Promise<NexmarkMeasured> =>
    runMeasured<NexmarkMeasured>({
      file: 'nexmark/child.ts',
      setup: { query: name, events, isChecked: false } satisfies NexmarkSetup,
    });
  const decode = rateOf(await fraud('decode'));
  const passed = rateOf(await query('q0'));
  const ratios = {
    // Decisions over the decode stage alone: .015 to .018.
    fraudOverDecode: { ratio: rateOf(await fraud<FraudMeasured>('fold')) / decode, atLeast: 0.006 },
    // Hopping windows by auction, over passing every bid on: .72.
    hoppingOverPassing: { ratio: rateOf(await query('q5')) / passed, atLeast: 0.25 },
    // The last bid of each pair, nearly as many keys as bids: .56.
    manyKeysOverPassing: { ratio: rateOf(await query('q18')) / passed, atLeast: 0.2 },
    // Sessions by bidder: .96.
    sessionsOverPassing: { ratio: rateOf(await query('q11')) / passed, atLeast: 0.35 },
  };
  const isWithinGoal = Object.values(ratios).every(({ ratio, atLeast }) => ratio >= atLeast);
  if (!isWithinGoal) process.exitCode = 1;
  const told = Object.entries(ratios).map(([name, one]) => [name, { ...one, ratio: rounded(one.ratio, 4) }] as const);
  return { bench: 'gate', ratios: Object.fromEntries(told), isWithinGoal, broker: null, node: process.version };
}

const rateOf = ({ eventsPerCpuSecondSecondHalf }: Measured): number => eventsPerCpuSecondSecondHalf;
