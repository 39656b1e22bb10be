import type { KafkaDriver, KafkaReader, KafkaSender } from '../../kafka/contract.ts';
import { runTrial } from '../crash/trial.ts';
import { webhookFaults } from '../crash/webhook-check.ts';
import type { Scenario } from './scenarios.ts';

export interface ScenarioOptions {
  readonly scale: number;
  readonly seed: number;
  readonly driver: KafkaDriver;
  readonly reader: KafkaReader;
  readonly sender?: KafkaSender;
  readonly timeoutMs: number;
  readonly say: (line: string) => void;
}

export interface ScenarioOutcome extends Readonly<
  Record<'events' | 'windows' | 'missing' | 'extra' | 'different', number>
> {
  readonly name: string;
  readonly numbers: Readonly<Record<string, number>>;
  /** What was not as it must be, in words; rows that are wrong are counted, not told here. */
  readonly faults: readonly string[];
  readonly examples: readonly string[];
}

/** One failure on a rig of its own, and in the end every row against the oracle, and what a receiver of webhooks was told. */
export async function runScenario(
  { name, hasProxy = false, env = {}, pipelines, run }: Scenario,
  { scale, ...options }: ScenarioOptions,
): Promise<ScenarioOutcome> {
  const { events, windows, missing, extra, different, examples, driven, webhooks, words } = await runTrial(
    { ...options, broker: 'real', hasProxy, hasWebhooks: true, env, ...(pipelines && { pipelines }) },
    (trial) => run(trial, scale),
  );
  const numbers = { ...driven.numbers, webhookIds: webhooks?.ids ?? 0, webhookRepeats: webhooks?.repeats ?? 0 };
  const faults = [...driven.faults, ...(webhooks ? webhookFaults(webhooks) : [])];
  if (faults.length > 0) options.say(words);
  return { name, events, windows, missing, extra, different, numbers, faults, examples };
}
