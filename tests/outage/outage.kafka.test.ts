import { expect, test } from 'vitest';
import { describeUnless, requireChdb, requireKafkaDriver, requireRealKafka } from '../requirements.ts';
import { runOutage } from './run-outage.ts';

const driver = 'node-rdkafka';
const rssLimitMb = 384;

describeUnless([requireKafkaDriver(driver), requireChdb(), requireRealKafka()], 'ClickHouse that goes away', () => {
  test(
    '[A9] leaves memory bounded and nothing lost on a real broker: a short verify:outage',
    { timeout: 600_000 },
    async () => {
      const { sentInOutage, missing, extra, windows, examples, rssPeakMb } = await runOutage({
        ...{ seconds: 10, ratePerSecond: 3_000, seed: 9, broker: 'real', driver, reader: 'client' },
        timeoutMs: 560_000,
        say: () => {},
      });
      expect({ missing, extra, examples }).toEqual({ missing: 0, extra: 0, examples: [] });
      expect(sentInOutage).toBeGreaterThan(1_000);
      expect(windows).toBeGreaterThan(100);
      expect(rssPeakMb).toBeLessThanOrEqual(rssLimitMb);
    },
  );
});
