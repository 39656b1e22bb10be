// What state takes: bytes a key of a velocity over three windows, and of all that fraud keeps of a card; MB a second to and from a snapshot.
import { parseArgs } from 'node:util';
import { runMeasured } from '../measured-process.ts';
import type { Measured } from '../meter.ts';
import type { StateMeasured, StateSetup } from './child.ts';

export interface StateResult extends Measured {
  readonly bench: 'state';
  readonly broker: null;
  readonly keys: number;
  /** Of count and sum by card in 1 min, 10 min and 1 h. Goal: at most 400. */
  readonly bytesPerKey: number;
  readonly snapshot: StateMeasured['snapshot'];
  readonly restore: StateMeasured['restore'];
  /** Fraud's features of a card that paid as often, in five trailing windows. */
  readonly features: StateMeasured;
  /** Bytes a card of the features over bytes a key of the windows. */
  readonly ratios: { readonly features: number };
  readonly isWithinGoal: boolean;
}

const goalBytes = 400;

export async function benchState(args: readonly string[]): Promise<StateResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keys: { type: 'string', default: '200000' },
      payments: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
    },
  });
  const measure = (kind: StateSetup['kind']): Promise<StateMeasured> => {
    const setup: StateSetup = { kind, keys: Number(values.keys), paymentsPerKey: Number(values.payments) };
    return runMeasured<StateMeasured>({ file: 'state/child.ts', setup });
  };
  const windows = await measure('windows');
  const features = await measure('features');
  return {
    ...{ bench: 'state', broker: null },
    ...windows,
    features,
    ratios: { features: Math.round((100 * features.bytesPerKey) / windows.bytesPerKey) / 100 },
    isWithinGoal: windows.bytesPerKey <= goalBytes,
  };
}
