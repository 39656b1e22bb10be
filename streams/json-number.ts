// Numbers that are not whole as text in bytes, as JavaScript writes them: the fewest digits that give the same number when they are read,
// and of these the nearest. Guarantees: exactly the characters of `String(value)`.
// Redelivery: no state but what is written over with each number.
// Source: the shortest digits are those of the coarsest power of ten of which a multiple lies in the number's rounding interval (G. L.
// Steele and J. L. White, "How to print floating-point numbers accurately", PLDI 1990); here over the fraction in two exact halves of
// eight decimals, which are enough from 1 to 2^31.

/** From here on, and below 2^31, the fraction is a multiple of 2^-52, and eight decimals of it at a time are exact. */
const least = 1;
const most = 2 ** 31;
const halfDigits = 8;
const halfUnits = 1e8;
const powers = Float64Array.from({ length: 17 }, (_, k) => Number(`1e${k}`));
/** Those that are whole numbers of 32 bits: their remainders are had by one instruction. */
const wholePowers = Int32Array.from({ length: halfDigits + 1 }, (_, k) => Number(`1e${k}`));
/** Half of the distance between neighbours from 2^e on, in units of 10^-16. */
const reachFrom = Float64Array.from({ length: 31 }, (_, e) => 2 ** (e - 53) * 1e16);
/** The power of ten of which a multiple always lies so near. */
const surePower = Uint8Array.from(reachFrom, (reach) => Math.floor(Math.log10(2 * reach)));
/** Nearer than this to a bound, sums of doubles do not tell on which side: such a number is left to JavaScript. */
const doubt = 1e-4;
const zero = 0x30;
const point = 0x2e;

/** Of the number at hand sixteen decimals of its fraction, in two halves and what is beyond them, below 1. */
const decimals = { first: 0, second: 0, beyond: 0.5 };

/**
 * Writes number `i` of `values`, which is finite and not whole, at `at`; needs room for 25 bytes. Returns where it ends. A double as an
 * argument would be an object.
 */
export function putFraction(bytes: Uint8Array, at: number, values: ArrayLike<number>, i: number): number {
  const value = values[i] as number;
  if (!(value >= least && value < most)) return putText(bytes, at, String(value));
  const whole = value | 0;
  split(value - whole);
  const e = 31 - Math.clz32(whole);
  const reach = reachFrom[e] as number;
  let power = surePower[e] as number;
  let down = remainder(power);
  let up = (powers[power] as number) - down;
  for (let next = power + 1; next < 16; next++) {
    const nextDown = remainder(next);
    const nextUp = (powers[next] as number) - nextDown;
    const nearest = nextDown < nextUp ? nextDown : nextUp;
    if (Math.abs(nearest - reach) < doubt) return putText(bytes, at, String(value));
    if (nearest > reach) break;
    power = next;
    down = nextDown;
    up = nextUp;
  }
  if (Math.abs(down - up) < doubt) return putText(bytes, at, String(value));
  return putDecimals(bytes, putWhole(bytes, at, whole), power, up < down ? 1 : 0);
}

/** The products are exact, because their factors have few bits. */
function split(fraction: number): void {
  const upper = Math.floor(fraction * 0x4000000) / 0x4000000;
  const first = upper * halfUnits;
  const rest = first - Math.floor(first) + (fraction - upper) * halfUnits;
  const restWhole = Math.floor(rest);
  decimals.first = (Math.floor(first) + restWhole) | 0;
  const fractionOfRest = rest - restWhole;
  const upperOfRest = Math.floor(fractionOfRest * 0x400000) / 0x400000;
  const second = upperOfRest * halfUnits;
  const beyond = second - Math.floor(second) + (fractionOfRest - upperOfRest) * halfUnits;
  decimals.second = (Math.floor(second) + Math.floor(beyond)) | 0;
  decimals.beyond = beyond - Math.floor(beyond);
}

/** How far the sixteen decimals and what is beyond are above a multiple of a power of ten. */
function remainder(power: number): number {
  const { first, second, beyond } = decimals;
  if (power <= halfDigits) return (second % (wholePowers[power] as number)) + beyond;
  return (first % (wholePowers[power - halfDigits] as number)) * halfUnits + second + beyond;
}

/** The point, and the decimals down to a power of ten, one more in the last place where that is nearer. */
function putDecimals(bytes: Uint8Array, at: number, power: number, more: number): number {
  bytes[at] = point;
  const { first, second } = decimals;
  if (power >= halfDigits) {
    const digits = 2 * halfDigits - power;
    return putPadded(bytes, at + 1, ((first / (wholePowers[power - halfDigits] as number)) | 0) + more, digits);
  }
  putPadded(bytes, at + 1, first, halfDigits);
  const last = ((second / (wholePowers[power] as number)) | 0) + more;
  return putPadded(bytes, at + 1 + halfDigits, last, halfDigits - power);
}

function putWhole(bytes: Uint8Array, at: number, value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  return putPadded(bytes, at, value, digits);
}

function putPadded(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value | 0;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    bytes[i] = zero + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

function putText(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}
