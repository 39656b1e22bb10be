import { expect, test } from 'vitest';
import { createStreamSet } from './reader-set.ts';

test('who waits again and again while another stream is ready holds up no timer and no socket', async () => {
  const set = createStreamSet();
  set.add({ topic: 'a', partition: 0, name: 'a-0', isReady: () => true });
  let hadTurn = false;
  setTimeout(() => (hadTurn = true), 1);
  for (let waits = 0; waits < 1_000_000 && !hadTurn; waits++) await set.wait(() => set.isAnyReady(), 1_000);
  expect(hadTurn).toBe(true);
});
