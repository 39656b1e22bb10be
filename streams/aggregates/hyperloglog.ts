import { murmur128 } from '../murmur.ts';

/**
 * HyperLogLog (Flajolet et al. 2007) over 64 of the bits of MurmurHash3, with the estimator of Ertl, "New cardinality
 * estimation algorithms for HyperLogLog sketches" (2017), section 2.5: no bias tables, no range switching. 2^14 registers give
 * a standard error of 0.81 %. A sketch is its registers, a `Uint8Array`.
 */
const BITS = 14;
const REGISTERS = 1 << BITS;
/** Largest rank − 1: bits of the hash that are not used for the register. */
const RANK_BITS = 64 - BITS;

const seed = new Int32Array(4);
const words = new Int32Array(4);

export const emptySketch = (): Uint8Array => new Uint8Array(REGISTERS);

export function addToSketch(sketch: Uint8Array, value: string): void {
  murmur128(value, seed, words);
  const register = (words[0] as number) >>> (32 - BITS);
  const zeros = leadingZeros(words[1] as number, words[2] as number);
  const rank = Math.min(zeros, RANK_BITS) + 1;
  if (rank > (sketch[register] as number)) sketch[register] = rank;
}

/** The sketch of both, into `into`. */
export function mergeSketch(into: Uint8Array, from: Uint8Array): void {
  for (let i = 0; i < REGISTERS; i++) if ((from[i] as number) > (into[i] as number)) into[i] = from[i] as number;
}

/** How many different values were added, not rounded. */
export function estimate(sketch: Uint8Array): number {
  const ranks = new Float64Array(RANK_BITS + 2);
  for (let i = 0; i < REGISTERS; i++) ranks[sketch[i] as number] = (ranks[sketch[i] as number] as number) + 1;
  let z = REGISTERS * tau(1 - (ranks[RANK_BITS + 1] as number) / REGISTERS);
  for (let rank = RANK_BITS; rank >= 1; rank--) z = 0.5 * (z + (ranks[rank] as number));
  z += REGISTERS * sigma((ranks[0] as number) / REGISTERS);
  return (REGISTERS * REGISTERS) / (2 * Math.LN2 * z);
}

const leadingZeros = (high: number, low: number): number => (high === 0 ? 32 + Math.clz32(low) : Math.clz32(high));

function sigma(x: number): number {
  if (x === 1) return Infinity;
  let y = 1;
  let z = x;
  for (let before = NaN; z !== before; y += y) {
    before = z;
    x *= x;
    z += x * y;
  }
  return z;
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let y = 1;
  let z = 1 - x;
  for (let before = NaN; z !== before;) {
    before = z;
    x = Math.sqrt(x);
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  }
  return z / 3;
}
