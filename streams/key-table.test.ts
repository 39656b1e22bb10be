import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyTable } from './key-table.ts';

test('a table of keys answers as a Map does, also where all keys have few hashes or one', () => {
  const step = fc.tuple(fc.boolean(), fc.nat(400));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500, size: 'max' }), fc.constantFrom(0, 1, 3, 1e9), (steps, hashes) => {
      const keys: string[] = [];
      const keyOf = (keyNumber: number): string => keys[keyNumber] as string;
      const few = (key: string): number => (Number(key.slice(1)) % hashes) | 0;
      const table = hashes === 0 ? new KeyTable(keyOf) : new KeyTable(keyOf, few);
      const model = new Map<string, number>();
      for (const [isHeld, n] of steps) {
        const key = `k${n}`;
        if (isHeld && !model.has(key)) {
          const keyNumber = keys.push(key) - 1;
          table.add(key, keyNumber);
          model.set(key, keyNumber);
        } else if (!isHeld && model.delete(key)) table.delete(key);
        expect(table.find(key)).toBe(model.get(key) ?? -1);
        expect(table.size).toBe(model.size);
      }
      for (let n = 0; n <= 400; n++) expect(table.find(`k${n}`)).toBe(model.get(`k${n}`) ?? -1);
    }),
    { numRuns: 100 },
  );
});
