import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Kept } from './kept.ts';

const keepMs = 10;
const open = () => new Kept({ keysMax: 1_000, keepMs, create: () => ({ lastMs: -Infinity, touches: 0 }) });

test('keys are kept in the order of their last touch, swept from the longest untouched on, and restored so', () => {
  const step = fc.record({ key: fc.nat(6), afterMs: fc.integer({ min: -8, max: 8 }), what: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let kept = open();
      let newestMs = 100;
      // The longest untouched first, found the slow way.
      let expected: { key: string; lastMs: number; touches: number }[] = [];
      const isOver = ({ lastMs }: { readonly lastMs: number }): boolean => newestMs - lastMs > keepMs;
      for (const { key: number, afterMs, what } of steps) {
        const key = `k${number}`;
        if (what === 0) {
          const saved = structuredClone(kept.snapshot((one) => one));
          kept = open();
          kept.restore(saved, (one) => one);
        } else if (what === 1) {
          kept.sweep(newestMs);
          while (expected[0] && isOver(expected[0])) expected.shift();
        } else {
          const timeMs = newestMs + afterMs;
          newestMs = Math.max(newestMs, timeMs);
          const known = expected.find((one) => one.key === key && !isOver(one));
          const lastMs = Math.max(known?.lastMs ?? -Infinity, timeMs);
          const touched = { key, lastMs, touches: (known?.touches ?? 0) + 1 };
          expected = [...expected.filter((one) => one.key !== key), touched];
          kept.touch(key, timeMs, newestMs).touches += 1;
        }
        expect(kept.snapshot((one) => ({ ...one }))).toEqual(
          expected.map((one) => [one.key, { lastMs: one.lastMs, touches: one.touches }]),
        );
        expect([...kept.values()]).toHaveLength(kept.size);
        expect(kept.get(key, newestMs)?.touches).toBe(expected.find((one) => one.key === key && !isOver(one))?.touches);
      }
    }),
  );
});
