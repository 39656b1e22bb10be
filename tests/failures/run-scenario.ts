import type { KafkaReader } from '../../kafka/contract.ts';
import { runTrial } from '../crash/trial.ts';
import type { Scenario } from './scenarios.ts';

export interface ScenarioOptions {
  readonly scale: number;
  readonly seed: number;
  readonly reader: KafkaReader;
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
}

export interface ScenarioOutcome extends Readonly<Record<'windows' | 'missing' | 'extra' | 'different', number>> {
  readonly name: string;
  readonly numbers: Readonly<Record<string, number>>;
  /** What was not as it must be, in words; rows that are wrong are counted, not told here. */
  readonly faults: readonly string[];
  readonly examples: readonly string[];
}

/** One failure on a rig of its own, and every row against the oracle. */
export async function runScenario(
  { name, hasProxy = false, run }: Scenario,
  { scale, ...options }: ScenarioOptions,
): Promise<ScenarioOutcome> {
  const { windows, missing, extra, different, examples, driven } = await runTrial(
    { ...options, driver: 'node-rdkafka', broker: 'real', hasProxy },
    (trial) => run(trial, scale),
  );
  return { name, windows, missing, extra, different, ...driven, examples };
}
