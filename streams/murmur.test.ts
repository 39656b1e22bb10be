import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { murmur128, murmur128Ascii } from './murmur.ts';

describe('murmur128', () => {
  test('is the published function over UTF-16 text', () => {
    const units = fc.array(fc.oneof(fc.nat(127), fc.nat(0xffff)), { maxLength: 20 });
    const texts = units.map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(texts, fc.integer(), (text, seed) => {
        const words = new Int32Array(4);
        murmur128(text, Int32Array.of(seed, seed, seed, seed), words);
        expect(hex(words)).toBe(hex(reference(Buffer.from(text, 'utf16le'), seed)));
      }),
      { examples: [['', 0]] },
    );
  });

  test('is the same of the bytes of plain text, wherever they stand', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(127), { maxLength: 40 }), fc.nat(5), fc.integer(), (codes, before, seed) => {
        const seeds = Int32Array.of(seed, seed + 1, seed + 2, seed + 3);
        const [ofText, ofBytes] = [new Int32Array(4), new Int32Array(4)];
        murmur128(String.fromCharCode(...codes), seeds, ofText);
        const bytes = Uint8Array.from([...Array<number>(before).fill(77), ...codes, 77, 77, 77]);
        murmur128Ascii(bytes, before, before + codes.length, seeds, ofBytes);
        expect(ofBytes).toEqual(ofText);
      }),
    );
  });

  test('the reference of this test gives the published answers', () => {
    expect(hex(reference(Buffer.from('The quick brown fox jumps over the lazy dog'), 0))).toBe(
      '2f1583c3ecee2c675d7bf66ce5e91d2c',
    );
    expect(hex(reference(Buffer.from(''), 1))).toBe('88c4adec54d201b954d201b954d201b9');
  });

  test('two texts that differ in one place differ in every word', () => {
    const a = new Int32Array(4);
    const b = new Int32Array(4);
    murmur128('order-000001', new Int32Array(4), a);
    murmur128('order-000002', new Int32Array(4), b);
    for (let i = 0; i < 4; i++) expect(a[i]).not.toBe(b[i]);
  });
});

const hex = (words: Int32Array): string => [...words].map((w) => (w >>> 0).toString(16).padStart(8, '0')).join('');

/** Byte by byte, in bigints, from the published description. */
function reference(bytes: Uint8Array, seed: number): Int32Array {
  const M = 0xffffffffn;
  const mul = (a: bigint, b: bigint): bigint => (a * b) & M;
  const rot = (a: bigint, by: bigint): bigint => ((a << by) | (a >> (32n - by))) & M;
  const c = [0x239b961bn, 0xab0e9789n, 0x38b34ae5n, 0xa1e38b93n];
  const kRot = [15n, 16n, 17n, 18n];
  const hRot = [19n, 17n, 15n, 13n];
  const plus = [0x561ccd1bn, 0x0bcaa747n, 0x96cd1c35n, 0x32ac3b17n];
  const h = [0, 1, 2, 3].map(() => BigInt(seed >>> 0));
  const at = (i: number): bigint => BigInt(bytes[i] ?? 0);
  const word = (i: number): bigint => at(i) | (at(i + 1) << 8n) | (at(i + 2) << 16n) | (at(i + 3) << 24n);
  const k = (i: number, lane: number): bigint => mul(rot(mul(word(i), c[lane]!), kRot[lane]!), c[(lane + 1) % 4]!); // lanes are 0 to 3
  const blocks = Math.floor(bytes.length / 16);
  for (let block = 0; block < blocks; block++)
    for (let lane = 0; lane < 4; lane++) {
      h[lane]! ^= k(block * 16 + lane * 4, lane); // lanes are 0 to 3
      h[lane] = (mul((rot(h[lane]!, hRot[lane]!) + h[(lane + 1) % 4]!) & M, 5n) + plus[lane]!) & M; // as above
    }
  for (let lane = 0; lane < 4; lane++)
    if (blocks * 16 + lane * 4 < bytes.length) h[lane]! ^= k(blocks * 16 + lane * 4, lane); // as above
  for (let lane = 0; lane < 4; lane++) h[lane]! ^= BigInt(bytes.length); // as above
  const spread = (): void => {
    h[0] = h.reduce((a, b) => (a + b) & M);
    for (let lane = 1; lane < 4; lane++) h[lane] = (h[lane]! + h[0]!) & M; // as above
  };
  spread();
  for (let lane = 0; lane < 4; lane++) {
    let x = h[lane]!; // as above
    x = mul(x ^ (x >> 16n), 0x85ebca6bn);
    x = mul(x ^ (x >> 13n), 0xc2b2ae35n);
    h[lane] = x ^ (x >> 16n);
  }
  spread();
  return Int32Array.from(h, (x) => Number(BigInt.asIntN(32, x)));
}
