import fc from 'fast-check';
import { expect, test } from 'vitest';
import { atOnce } from '../../streams/pieces.ts';
import { Kept, type Touched } from './kept.ts';

const keepMs = 10;
interface Counted extends Touched {
  readonly key: string;
  touches: number;
}
const open = () =>
  new Kept<Counted>({
    ...{ keysMax: 1_000, keepMs, create: (key) => ({ key, lastMs: -Infinity, touches: 0 }) },
    write: ({ touches }, into) => into.put(touches),
    read: (kept, from) => void (kept.touches = from.take()),
  });

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
          const saved = structuredClone(atOnce(kept.beginSnapshot(100)));
          kept = open();
          kept.restore(saved);
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
        expect([...kept.values()]).toEqual(expected);
        expect([...kept.values()]).toHaveLength(kept.size);
        expect(kept.get(key, newestMs)?.touches).toBe(expected.find((one) => one.key === key && !isOver(one))?.touches);
      }
    }),
  );
});
