// Exact sums of doubles as partials: a few doubles that do not overlap and whose exact sum is the sum (Shewchuk 1997, "Adaptive
// precision floating-point arithmetic", theorem 10; as in Python's math.fsum). Other orders may give other partials of the same sum.

/** Adds `value` to the sum that `partials` stands for. */
export function addPartial(partials: number[], value: number): void {
  let x = value;
  let kept = 0;
  for (let i = 0; i < partials.length; i++) {
    let y = partials[i] as number;
    if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
    const high = x + y;
    const low = y - (high - x);
    if (low !== 0) partials[kept++] = low;
    x = high;
  }
  partials.length = kept;
  if (x !== 0) partials.push(x);
}

/** Splits a double into halves of 26 bits (Dekker 1971). */
const SPLIT = 2 ** 27 + 1;

/** Adds the exact square of `value`, which must lie within ±1e150: beyond, the parts of the product overflow. */
export function addSquare(partials: number[], value: number): void {
  const square = value * value;
  const c = SPLIT * value;
  const high = c - (c - value);
  const low = value - high;
  addPartial(partials, low * low - (square - high * high - 2 * high * low));
  addPartial(partials, square);
}

/** The exact sum is `units` × 2^`exponent`. */
export function exactOf(partials: readonly number[]): { readonly units: bigint; readonly exponent: number } {
  const parts = partials.map(partsOf);
  const exponent = Math.min(0, ...parts.map((part) => part.exponent));
  const units = parts.reduce((sum, part) => sum + (part.units << BigInt(part.exponent - exponent)), 0n);
  return { units, exponent };
}

const view = new DataView(new ArrayBuffer(8));

function partsOf(value: number): { units: bigint; exponent: number } {
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const units = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return { units: bits >> 63n === 1n ? -units : units, exponent: Math.max(biased, 1) - 1_075 };
}
