import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { murmur2, partitionOf, partitionOfText } from './partitioner.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('the partitioner', () => {
  // The vectors of Apache Kafka's UtilsTest.testMurmur2.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Java does', (key, hash) => {
    expect(murmur2(bytes(key))).toBe(hash);
  });

  test('chooses a partition that exists, also for an empty key and a view into a larger buffer', () => {
    expect(partitionOf(bytes('foobar'), 4)).toBe((-790332482 & 0x7fffffff) % 4);
    expect(partitionOf(new Uint8Array(0), 7)).toBeLessThan(7);
    const view = bytes('xxfoobar').subarray(2);
    expect(partitionOf(view, 1000)).toBe(partitionOf(bytes('foobar'), 1000));
  });

  test('chooses the same for a text as for its bytes', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ minLength: 0, maxLength: 5 }));
    fc.assert(
      fc.property(text, (key) => {
        expect(partitionOfText(key, 1_000)).toBe(partitionOf(Buffer.from(key), 1_000));
      }),
    );
  });
});
