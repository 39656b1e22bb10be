import { expect, test } from 'vitest';
import { describeUnless, requireChdb, requireKafkaDriver } from '../requirements.ts';
import { runOutage } from './run-outage.ts';

const driver = 'node-rdkafka';
const rssLimitMb = 384;

describeUnless([requireKafkaDriver(driver), requireChdb()], 'ClickHouse that goes away under load', () => {
  test(
    '[A9] makes producers wait at the embedded broker; memory stays bounded, nothing is lost',
    { timeout: 600_000 },
    async () => {
      const { sent, sentInOutage, missing, extra, windows, examples, rssPeakMb } = await runOutage({
        ...{ seconds: 6, ratePerSecond: 2_000, seed: 5, broker: 'embedded', driver, reader: 'client' },
        timeoutMs: 560_000,
        say: () => {},
      });
      expect({ missing, extra, examples }).toEqual({ missing: 0, extra: 0, examples: [] });
      expect(sentInOutage).toBeGreaterThan(100);
      expect(sentInOutage).toBeLessThan(sent);
      expect(windows).toBeGreaterThan(50);
      expect(rssPeakMb).toBeGreaterThan(50);
      expect(rssPeakMb).toBeLessThanOrEqual(rssLimitMb);
    },
  );
});
