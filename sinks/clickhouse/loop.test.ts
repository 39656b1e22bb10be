import { expect, test } from 'vitest';
import type { Membership, NextOffset } from '../../kafka/contract.ts';
import { KafkaError } from '../../kafka/contract.ts';
import { createMemorySource } from '../../sources/memory.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { SinkLoop } from './loop.ts';
import { defaultLimits } from './sink.ts';

test('a commit that fails is tried again though no record follows', async () => {
  const broker = createMemorySource();
  const tp = { topic: 'payments', partition: 0 };
  broker.append(tp, [{ value: 'a' }, { value: 'b' }]);
  const committed: NextOffset[] = [];
  let failures = 2;
  const membership: Membership = {
    kind: 'solo',
    start: (handlers) => Promise.resolve(handlers.assigned([tp])),
    commit(offsets) {
      if (failures-- > 0) return Promise.reject(new KafkaError('kafka_timed_out', 'away'));
      committed.push(...offsets);
      return Promise.resolve();
    },
    committed: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
  const loop = new SinkLoop(
    {
      client: {} as never,
      database: 'd',
      reader: broker.reader(),
      membership,
      topics: { inputs: ['payments'], orders: [], results: [] },
      epoch: 0,
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics(),
      sink: { name: 'none', write: () => Promise.resolve(), close: () => Promise.resolve() },
    },
    { ...defaultLimits, batchWaitMs: 10 },
  );
  await loop.start();
  await expect.poll(() => committed, { timeout: 20_000 }).toEqual([{ ...tp, nextOffset: 2n }]);
  await loop.drain();
});
