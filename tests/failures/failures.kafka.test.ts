import { expect, test } from 'vitest';
import { describeUnless, requireChdb, requireKafkaDriver, requireRealKafka } from '../requirements.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

/** A few minutes of what `npm run verify:failures` does in forty: by name, and how much of it. */
const selection: readonly (readonly [name: string, scale: number])[] = [
  ['broker-sigkill', 0.2],
  ['stopped-instance', 1],
  ['dropped-bytes', 0.1],
];

const reasons = [requireKafkaDriver('node-rdkafka'), requireChdb(), requireRealKafka()];

describeUnless(reasons, 'a service whose broker, network or process fails', () => {
  test.each(selection)('has every window exact after %s', { timeout: 600_000 }, async (name, scale) => {
    const scenario = scenarios.find((one) => one.name === name);
    if (!scenario) throw new Error(`no such scenario: ${name}`);
    const rig = { seed: 3, driver: 'node-rdkafka', reader: 'client' } as const;
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    const outcome = await runScenario(scenario, { ...rig, scale, timeoutMs: 560_000, say });
    const { missing, extra, different, windows, faults, examples, numbers } = outcome;
    expect({ missing, extra, different, examples }).toEqual({ missing: 0, extra: 0, different: 0, examples: [] });
    expect(faults, said.join('\n')).toEqual([]);
    expect(windows).toBeGreaterThan(50);
    expect(numbers['webhookIds']).toBeGreaterThan(0);
  });
});
