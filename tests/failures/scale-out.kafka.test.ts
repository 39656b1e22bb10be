import { expect, test } from 'vitest';
import { describeUnless, requireChdb, requireKafkaDriver, requireRealKafka } from '../requirements.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

const reasons = [requireKafkaDriver('node-rdkafka'), requireChdb(), requireRealKafka()];
const timeoutMs = 560_000;

describeUnless(reasons, 'a pipeline of four shards', () => {
  test(
    '[A1][D5][K8] from one instance to four to two under load: every window exact, one writer a task, numbers that rise',
    { timeout: timeoutMs + 40_000 },
    async () => {
      const scenario = scenarios.find(({ name }) => name === 'scale-out');
      if (!scenario) throw new Error('no such scenario');
      const said: string[] = [];
      const options = {
        scale: 0.1,
        seed: 3,
        driver: 'node-rdkafka',
        reader: 'direct',
        timeoutMs,
        say: (line: string) => void said.push(line),
      } as const;
      const { missing, extra, different, windows, faults, examples } = await runScenario(scenario, options);
      expect({ missing, extra, different, examples, faults }, said.join('\n')).toEqual({
        ...{ missing: 0, extra: 0, different: 0 },
        ...{ examples: [], faults: [] },
      });
      expect(windows).toBeGreaterThan(50);
    },
  );
});
