import { expect, test } from 'vitest';
import { systemClock } from '../../telemetry/clock.ts';
import { withKnownCounts } from './known-counts.ts';

test('a topic is asked for once in five seconds; a failure is asked for again', async () => {
  let nowMs = 1_000;
  const answers: (number | Error)[] = [new Error('away'), 4, 8];
  let asked = 0;
  const producer = withKnownCounts(
    {
      partitionCount: async () => {
        const answer = answers[asked++] ?? 99;
        if (answer instanceof Error) throw answer;
        return answer;
      },
      send: async () => [],
      isGated: () => false,
      pendingMessages: () => 0,
    },
    { ...systemClock, nowMs: () => nowMs },
  );
  await expect(producer.partitionCount('interactions')).rejects.toThrow('away');
  const both = await Promise.all([producer.partitionCount('interactions'), producer.partitionCount('interactions')]);
  expect([both, asked]).toEqual([[4, 4], 2]);
  nowMs = 5_999;
  expect(await producer.partitionCount('interactions')).toBe(4);
  nowMs = 6_000;
  expect([await producer.partitionCount('interactions'), asked]).toEqual([8, 3]);
});
