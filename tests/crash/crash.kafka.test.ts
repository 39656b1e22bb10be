import { expect, test } from 'vitest';
import { describeUnless, requireChdb, requireKafkaDriver, requireRealKafka } from '../requirements.ts';
import { runCrash } from './run-crash.ts';

const driver = 'node-rdkafka';

describeUnless([requireKafkaDriver(driver), requireChdb(), requireRealKafka()], 'a service that is killed', () => {
  test('[D1] leaves every window exact on a real broker: a short verify:crash', { timeout: 600_000 }, async () => {
    const { windows, missing, extra, different, examples, kills } = await runCrash({
      ...{ events: 15_000, victim: 'service', kills: 2, seed: 7, broker: 'real', driver, reader: 'direct' },
      timeoutMs: 560_000,
      say: () => {},
    });
    expect({ missing, extra, different, kills, examples }).toEqual({
      ...{ missing: 0, extra: 0, different: 0, kills: 2, examples: [] },
    });
    expect(windows).toBeGreaterThan(150);
  });
});
