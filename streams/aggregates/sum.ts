// The sum: exact decimal arithmetic, fast while it is a whole number below 2^53.
import type { Aggregate } from './aggregate.ts';

/** A number; or decimal text where the exact sum is none that a double tells apart (a whole one beyond ±(2^53 − 1), or too many digits). */
export type Sum = number | string;

/**
 * The sum, exact however large it gets and in whatever order: of whole numbers, and of decimals as they are written (0.1 and
 * 0.2 make 0.3). A number where a double can say it, else decimal text; never infinite.
 */
export const sum: Aggregate<number, Sum, Sum> = {
  name: 'sum',
  init: () => 0,
  add: plus,
  merge: plus,
  result: (state) => state,
};

function plus(a: Sum, b: Sum): Sum {
  if (typeof a === 'number' && typeof b === 'number') {
    const total = a + b;
    if (Number.isSafeInteger(a) && Number.isSafeInteger(b) && Number.isSafeInteger(total)) return total;
    const short = plusShort(a, b);
    if (short !== null) return short;
  }
  return plusExact(decimalOf(a), decimalOf(b));
}

const SCALE = 1e6;
/** Below this every decimal of 15 digits has a double of its own, and that double is written as the decimal. */
const DIGITS_15 = 1e15;

/** Decimals of at most six places and fifteen digits, in whole millionths; null for others. */
function plusShort(a: number, b: number): number | null {
  const wholeA = Math.round(a * SCALE);
  const wholeB = Math.round(b * SCALE);
  const total = wholeA + wholeB;
  const isShort = Math.abs(wholeA) < DIGITS_15 && Math.abs(wholeB) < DIGITS_15 && Math.abs(total) < DIGITS_15;
  // `+ 0`: a sum of nothing is 0, not −0.
  return isShort && wholeA / SCALE === a && wholeB / SCALE === b ? total / SCALE + 0 : null;
}

/** `units` / 10^`places`. */
interface Decimal {
  readonly units: bigint;
  readonly places: number;
}

function plusExact(a: Decimal, b: Decimal): Sum {
  const places = Math.max(a.places, b.places);
  return written(unitsAt(a, places) + unitsAt(b, places), places);
}

const unitsAt = ({ units, places }: Decimal, at: number): bigint => units * 10n ** BigInt(at - places);

/** A whole number is its exact value; a fraction, which is below 2^53, the decimal that it is written as. */
function decimalOf(value: Sum): Decimal {
  if (typeof value === 'number' && Number.isInteger(value)) return { units: BigInt(value), places: 0 };
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const places = fraction.length - Number(exponent);
  const units = BigInt(whole + fraction);
  return places < 0 ? { units: units * 10n ** BigInt(-places), places: 0 } : { units, places };
}

function written(units: bigint, places: number): Sum {
  const digits = String(units < 0n ? -units : units).padStart(places + 1, '0');
  const fraction = digits.slice(digits.length - places).replace(/0+$/, '');
  const whole = digits.slice(0, digits.length - places);
  const text = `${units < 0n ? '-' : ''}${whole}${places > 0 && fraction !== '' ? `.${fraction}` : ''}`;
  const number = Number(text) + 0;
  const isSaid = text.includes('.') ? sameDecimal(number, units, places) : Number.isSafeInteger(number);
  return isSaid ? number : text;
}

function sameDecimal(number: number, units: bigint, places: number): boolean {
  if (!Number.isFinite(number) || Number.isInteger(number)) return false;
  const said = decimalOf(number);
  const at = Math.max(said.places, places);
  return unitsAt(said, at) === unitsAt({ units, places }, at);
}
