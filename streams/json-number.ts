// Numbers that are not whole as text in bytes, as JavaScript writes them: the fewest digits that give the same number when they are read,
// and of these the nearest. Guarantees: exactly the characters of `String(value)`.
// Redelivery: no state but what is written over with each number.
// Source: the shortest digits are those of the coarsest power of ten of which a multiple lies in the number's rounding interval (G. L.
// Steele and J. L. White, "How to print floating-point numbers accurately", PLDI 1990); here over the fraction in exact parts of eight,
// eight and two decimals: sixteen are enough from 1/2 to 2^31, eighteen from 1/128 on.
import { putPadded, putWhole } from './json-digits.ts';

/** From here on, and below 2^31, the fraction is a multiple of 2^-59, and eight decimals of it at a time are exact. */
const least = 1 / 128;
/** Below, there may be eighteen decimals. */
const mostOfEighteen = 1 / 2;
const most = 2 ** 31;
const halfDigits = 8;
const halfUnits = 1e8;
/** Decimals beyond the halves, in the smallest numbers. */
const thirdDigits = 2;
const thirdUnits = 100;
const powers = Float64Array.from({ length: 19 }, (_, k) => Number(`1e${k}`));
/** Those that are whole numbers of 32 bits: their remainders are had by one instruction. */
const wholePowers = Int32Array.from({ length: halfDigits + 1 }, (_, k) => Number(`1e${k}`));
/** Half of the distance between neighbours from 2^(e − 7) on, in units of 10^-16 or, of the smallest numbers, 10^-18. */
const reachFrom = Float64Array.from({ length: 38 }, (_, e) => 2 ** (e - 60) * (e < 6 ? 1e18 : 1e16));
/** The power of ten of which a multiple always lies so near. */
const surePower = Uint8Array.from(reachFrom, (reach) => Math.floor(Math.log10(2 * reach)));
/** Nearer than this to a bound, sums of doubles do not tell on which side: such a number is left to JavaScript. */
const doubt = 1e-4;
const point = 0x2e;
const zero = 0x30;

/** Of the number at hand the decimals of its fraction, in two halves, and the third part of the smallest numbers. */
const decimals = { first: 0, second: 0, third: 0 };
/**
 * Of the number at hand its fraction, what is beyond its decimals (below 1), and how far these are above a multiple of a power of ten and
 * below the next one: as arguments or fields each would be an object.
 */
const doubles = new Float64Array(4);
const fractionAt = 0;
const beyondAt = 1;
const downAt = 2;
const upAt = 3;

/**
 * Writes number `i` of `values`, which is finite and not whole, at `at`; needs room for 32 bytes. Returns where it ends. A double as an
 * argument would be an object.
 */
export function putFraction(view: DataView, at: number, values: ArrayLike<number>, i: number): number {
  const value = values[i] as number;
  if (!(value >= least && value < most)) return putText(view, at, String(value));
  const thousand = value * 1_000;
  const isShort = thousand < most && (thousand | 0) === thousand && thousand / 1_000 === value;
  if (isShort) return putThousandths(view, at, thousand | 0);
  const whole = value | 0;
  const isSmall = value < mostOfEighteen;
  doubles[fractionAt] = value - whole;
  split(isSmall);
  const e = whole > 0 ? 38 - Math.clz32(whole) : lastBelow();
  const reach = reachFrom[e] as number;
  let power = surePower[e] as number;
  measure(power, isSmall);
  let down = doubles[downAt] as number;
  let up = doubles[upAt] as number;
  const highest = isSmall ? 2 * halfDigits + thirdDigits : 2 * halfDigits;
  for (let next = power + 1; next < highest; next++) {
    measure(next, isSmall);
    const nextDown = doubles[downAt] as number;
    const nextUp = doubles[upAt] as number;
    const nearest = nextDown < nextUp ? nextDown : nextUp;
    if (Math.abs(nearest - reach) < doubt) return putText(view, at, String(value));
    if (nearest > reach) break;
    power = next;
    down = nextDown;
    up = nextUp;
  }
  if (Math.abs(down - up) < doubt) return putText(view, at, String(value));
  const more = up < down ? 1 : 0;
  const from = putWhole(view, at, whole);
  view.setUint8(from, point);
  return isSmall ? putEighteen(view, from + 1, power, more) : putSixteen(view, from + 1, power, more);
}

/** The place of a number below 1 in `reachFrom`. */
function lastBelow(): number {
  const value = doubles[fractionAt] as number;
  let e = 6;
  for (let bound = mostOfEighteen; value < bound; bound /= 2) e -= 1;
  return e;
}

/** The products are exact, because their factors have few bits. */
function split(isSmall: boolean): void {
  const fraction = doubles[fractionAt] as number;
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
  const last = beyond - Math.floor(beyond);
  doubles[beyondAt] = last;
  if (!isSmall) return;
  decimals.third = (last * thirdUnits) | 0;
  doubles[beyondAt] = last * thirdUnits - decimals.third;
}

/** Where multiples of a power of ten are small numbers of units, both are exact; where they are large, that which is small is. */
function measure(power: number, isSmall: boolean): void {
  const { first, second, third } = decimals;
  const beyond = doubles[beyondAt] as number;
  const lowDigits = isSmall ? halfDigits + thirdDigits : halfDigits;
  if (power > lowDigits) {
    const units = powers[lowDigits] as number;
    const high = first % (wholePowers[power - lowDigits] as number);
    const low = (isSmall ? second * thirdUnits + third : second) + beyond;
    doubles[downAt] = high * units + low;
    doubles[upAt] = ((wholePowers[power - lowDigits] as number) - high) * units - low;
    return;
  }
  let down = beyond;
  if (!isSmall) down += second % (wholePowers[power] as number);
  else if (power <= thirdDigits) down += third % (wholePowers[power] as number);
  else down += (second % (wholePowers[power - thirdDigits] as number)) * thirdUnits + third;
  doubles[downAt] = down;
  doubles[upAt] = (powers[power] as number) - down;
}

/** The decimals down to a power of ten, one more in the last place where that is nearer. */
function putSixteen(view: DataView, at: number, power: number, more: number): number {
  const { first, second } = decimals;
  if (power >= halfDigits) return putHigh(view, at, first, power - halfDigits, more);
  putPadded(view, at, first, halfDigits);
  const last = ((second / (wholePowers[power] as number)) | 0) + more;
  return putPadded(view, at + halfDigits, last, halfDigits - power);
}

function putEighteen(view: DataView, at: number, power: number, more: number): number {
  const { first, second, third } = decimals;
  if (power >= halfDigits + thirdDigits) return putHigh(view, at, first, power - halfDigits - thirdDigits, more);
  putPadded(view, at, first, halfDigits);
  if (power >= thirdDigits) {
    const last = ((second / (wholePowers[power - thirdDigits] as number)) | 0) + more;
    return putPadded(view, at + halfDigits, last, halfDigits + thirdDigits - power);
  }
  putPadded(view, at + halfDigits, second, halfDigits);
  const last = ((third / (wholePowers[power] as number)) | 0) + more;
  return putPadded(view, at + 2 * halfDigits, last, thirdDigits - power);
}

function putHigh(view: DataView, at: number, first: number, power: number, more: number): number {
  return putPadded(view, at, ((first / (wholePowers[power] as number)) | 0) + more, halfDigits - power);
}

/** At most three decimals: with so few digits no two give the same number, so that these are the shortest. */
function putThousandths(view: DataView, at: number, thousandths: number): number {
  const whole = (thousandths / 1_000) | 0;
  const from = putWhole(view, at, whole);
  view.setUint8(from, point);
  let end = putPadded(view, from + 1, thousandths - whole * 1_000, 3);
  while (view.getUint8(end - 1) === zero) end -= 1;
  return end;
}

function putText(view: DataView, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) view.setUint8(at + i, text.charCodeAt(i));
  return at + text.length;
}
