import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyTable } from './key-table.ts';

test('a table of keys answers as a Map does, also where all keys have few hashes or one', () => {
  const step = fc.tuple(fc.boolean(), fc.nat(400));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 1_500, size: 'max' }), fc.constantFrom(0, 1, 3, 1e9), (steps, hashes) => {
      const keys: string[] = [];
      const keyOf = (keyNumber: number): string => keys[keyNumber] as string;
      const few = (hash: number): number => (hash % hashes) | 0;
      const table = hashes === 0 ? new KeyTable(keyOf) : new KeyTable(keyOf, few);
      const model = new Map<string, number>();
      for (const [isHeld, n] of steps) {
        const key = keyAt(n);
        if (isHeld && !model.has(key)) {
          const keyNumber = keys.push(key) - 1;
          table.add(key, keyNumber);
          model.set(key, keyNumber);
        } else if (!isHeld && model.delete(key)) table.delete(key);
        expect(table.find(key)).toBe(model.get(key) ?? -1);
        expect(table.size).toBe(model.size);
      }
      for (let n = 0; n <= 400; n++) expect(table.find(keyAt(n))).toBe(model.get(keyAt(n)) ?? -1);
    }),
    { numRuns: 100 },
  );
});

/** Of all kinds: what fits beside a number, what is longer by one character or by many, what is not of a byte each, and what only differs by zeros. */
function keyAt(n: number): string {
  const m = Math.floor(n / 8);
  const kinds = [
    `k${m}`,
    `card-${m}`,
    `${m}`.padStart(20, '0'),
    `${m}`.padStart(21, '0'),
    `a long key, number ${m}, of the rest`,
  ];
  return [...kinds, `é${m}`, `Ω${m}`, `${'\0'.repeat(m % 20)}`][n % 8] as string;
}

test('the numbers of many keys are guessed from their bytes, as they are found by their text', () => {
  const keys = Array.from({ length: 5_000 }, (_, n) => (n % 2 === 0 ? `card-${n}` : `a long key, number ${n}`));
  const table = new KeyTable((keyNumber) => keys[keyNumber] as string);
  for (const [keyNumber, key] of keys.entries()) if (keyNumber % 5 > 0) table.add(key, keyNumber);
  const bytes = Buffer.from(keys.join(''));
  const keyEnd = Int32Array.from(keys, (_, n) => keys.slice(0, n + 1).join('').length);
  const keyStart = Int32Array.from(keyEnd, (end, n) => end - (keys[n] as string).length);
  const guessed = new Int32Array(keys.length - 7);
  table.guess({ bytes, keyStart, keyEnd }, 7, guessed);
  expect([...guessed]).toEqual(keys.slice(7).map((key) => table.find(key)));
});

test('keys that count up, as they often do, have hashes of their own', () => {
  const patterns: ((n: number) => string)[] = [
    (n) => `card-${n}`,
    (n) => `${n}`.padStart(16, '0'),
    (n) => `${n}-merchant`,
    (n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`,
    (n) => `a long key before its number ${n}`,
  ];
  for (const named of patterns) {
    const hashes = new Set<number>();
    const table = new KeyTable(named, (hash) => (hashes.add(hash), hash));
    for (let n = 0; n < 50_000; n++) table.find(named(n));
    // Of so many at random one in some 90,000 would meet another's.
    expect(hashes.size).toBeGreaterThan(49_950);
  }
});
