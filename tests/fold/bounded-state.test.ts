import { expect, test } from 'vitest';
import { boundedState } from '../../bench/state/bounded.ts';

test('[D3] half a million keys through state that holds 5,000: every one folded or refused, memory stays', () => {
  const result = boundedState({ keys: 500_000, keysMax: 5_000, keysPerWindow: 6_250 });
  const { folded, stateFull, expired, keysHeld, keysHeldMax, rssGrownMb } = result;
  expect(folded + stateFull).toBe(500_000);
  // Of the 6,250 of each window the last 1,250 find no room.
  expect(stateFull).toBe(100_000);
  expect(expired + keysHeld).toBe(folded);
  expect(expired).toBeGreaterThan(390_000);
  expect(keysHeldMax).toBe(5_000);
  // A Map of half a million such keys would take some 150 MB; the rest is garbage not yet collected.
  expect(rssGrownMb).toBeLessThan(120);
});
