/**
 * MurmurHash3_x86_128 (Austin Appleby, 2011) over the UTF-16 code units of a text, low byte first: the hash of what
 * `Buffer.from(text, 'utf16le')` holds. Four words because the answer must tell ids apart among many millions: with 128 bits
 * two of 10^9 ids meet with a chance of 10^-21. It is no protection against someone who looks for a collision in his own ids.
 */
export type Hash128 = Int32Array;

const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
const scramble1 = (k: number): number => Math.imul(rotate(Math.imul(k, C1), 15), C2);
const scramble2 = (k: number): number => Math.imul(rotate(Math.imul(k, C2), 16), C3);
const scramble3 = (k: number): number => Math.imul(rotate(Math.imul(k, C3), 17), C4);
const scramble4 = (k: number): number => Math.imul(rotate(Math.imul(k, C4), 18), C1);

/** Words of the hash of `text` into `out`, starting from the words of `seed` (all 0 for the published function). */
export function murmur128(text: string, seed: Hash128, out: Hash128): void {
  const { length } = text;
  let h1 = seed[0] as number;
  let h2 = seed[1] as number;
  let h3 = seed[2] as number;
  let h4 = seed[3] as number;
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    h1 ^= scramble1(text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16));
    h1 = (Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= scramble2(text.charCodeAt(at + 2) | (text.charCodeAt(at + 3) << 16));
    h2 = (Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= scramble3(text.charCodeAt(at + 4) | (text.charCodeAt(at + 5) << 16));
    h3 = (Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= scramble4(text.charCodeAt(at + 6) | (text.charCodeAt(at + 7) << 16));
    h4 = (Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  if (at < length) h1 ^= scramble1(wordAt(text, at));
  if (at + 2 < length) h2 ^= scramble2(wordAt(text, at + 2));
  if (at + 4 < length) h3 ^= scramble3(wordAt(text, at + 4));
  if (at + 6 < length) h4 ^= scramble4(wordAt(text, at + 6));
  finish(h1, h2, h3, h4, length * 2, out);
}

/** As `murmur128` of the text that `bytes[start, end)` is, every byte below 128: no string is made. */
export function murmur128Ascii(bytes: Uint8Array, start: number, end: number, seed: Hash128, out: Hash128): void {
  let h1 = seed[0] as number;
  let h2 = seed[1] as number;
  let h3 = seed[2] as number;
  let h4 = seed[3] as number;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    h1 ^= scramble1((bytes[at] as number) | ((bytes[at + 1] as number) << 16));
    h1 = (Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 ^= scramble2((bytes[at + 2] as number) | ((bytes[at + 3] as number) << 16));
    h2 = (Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 ^= scramble3((bytes[at + 4] as number) | ((bytes[at + 5] as number) << 16));
    h3 = (Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 ^= scramble4((bytes[at + 6] as number) | ((bytes[at + 7] as number) << 16));
    h4 = (Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  if (at < end) h1 ^= scramble1(pairAt(bytes, at, end));
  if (at + 2 < end) h2 ^= scramble2(pairAt(bytes, at + 2, end));
  if (at + 4 < end) h3 ^= scramble3(pairAt(bytes, at + 4, end));
  if (at + 6 < end) h4 ^= scramble4(pairAt(bytes, at + 6, end));
  finish(h1, h2, h3, h4, (end - start) * 2, out);
}

const pairAt = (bytes: Uint8Array, at: number, end: number): number =>
  (bytes[at] as number) | (at + 1 < end ? (bytes[at + 1] as number) << 16 : 0);

/** Two code units, those beyond the end as 0. */
const wordAt = (text: string, at: number): number =>
  text.charCodeAt(at) | (at + 1 < text.length ? text.charCodeAt(at + 1) << 16 : 0);

function finish(h1: number, h2: number, h3: number, h4: number, bytes: number, out: Hash128): void {
  h1 ^= bytes;
  h2 ^= bytes;
  h3 ^= bytes;
  h4 ^= bytes;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = mix((h2 + h1) | 0);
  h3 = mix((h3 + h1) | 0);
  h4 = mix((h4 + h1) | 0);
  h1 = (mix(h1) + h2 + h3 + h4) | 0;
  out[0] = h1;
  out[1] = h2 + h1;
  out[2] = h3 + h1;
  out[3] = h4 + h1;
}

function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
