import { expect, test } from 'vitest';
import { describeUnless, requireChdb, requireKafkaDriver, requireRealKafka } from '../requirements.ts';
import { runChaos } from './chaos.ts';

const reasons = [requireKafkaDriver('node-rdkafka'), requireChdb(), requireRealKafka()];

describeUnless(reasons, 'three instances while everything fails at random', () => {
  test(
    'have every window exact, and no webhook twice with different content: a short verify:chaos',
    { timeout: 600_000 },
    async () => {
      const { missing, extra, different, windows, faults, wrong, examples, webhooks } = await runChaos({
        ...{
          forMs: 12_000,
          shards: 2,
          seed: 13001,
          driver: 'node-rdkafka',
          reader: 'direct',
          timeoutMs: 560_000,
          say: () => {},
        },
      });
      expect({ missing, extra, different, wrong, examples }).toEqual({
        ...{ missing: 0, extra: 0, different: 0, wrong: [], examples: [] },
      });
      expect(windows).toBeGreaterThan(50);
      expect(webhooks?.ids).toBeGreaterThan(0);
      // Of five; a slow machine leaves some out.
      expect(Object.keys(faults).length).toBeGreaterThanOrEqual(3);
    },
  );
});
