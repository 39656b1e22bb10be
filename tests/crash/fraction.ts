/** A number in [0, 1) from a seed and an index (splitmix32). */
export function fraction(seed: number, index: number): number {
  let z = Math.imul(seed + index + 1, 0x9e3779b9);
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return ((z ^ (z >>> 15)) >>> 0) / 4_294_967_296;
}
