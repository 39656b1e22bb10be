// The conversions that a mapping may name: text to numbers and times. Each gives a value or says what was wrong with the text;
// none guesses. Pure, so that replaying a file twice gives the same events.

export type Converted<T> =
  { readonly kind: 'value'; readonly value: T } | { readonly kind: 'fault'; readonly message: string };

const decimalPattern = /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/;
const isoPattern = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[-+]\d\d:\d\d)?$/;
const msPerUnit = { s: 1_000, ms: 1, us: 0.001 } as const;

/** How a time is written: `iso` (UTC where it names no zone), or seconds, milliseconds or microseconds since 1970. */
export type TimeForm = 'iso' | keyof typeof msPerUnit;

/**
 * Decimal text as a number times `scale`. `isInteger`: with a scale the product is rounded half up (by its first 15 digits, so that
 * 1.005 × 100 is 101), without one the text must be whole.
 */
export function toNumber(text: string, isInteger: boolean, scale?: number): Converted<number> {
  const number = decimalPattern.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(number)) return fault('is not a number');
  const product = scale === undefined ? number : Number((number * scale).toPrecision(15));
  if (!isInteger) return { kind: 'value', value: product };
  if (scale === undefined && !Number.isInteger(number))
    return fault('is not a whole number; give the mapping a scale to round it');
  return { kind: 'value', value: Math.round(product) };
}

/** Text as ms since 1970, whole. */
export function toTimeMs(text: string, form: TimeForm): Converted<number> {
  if (form === 'iso') return isoToMs(text);
  const number = toNumber(text, false);
  return number.kind === 'fault' ? number : { kind: 'value', value: Math.floor(number.value * msPerUnit[form]) };
}

function isoToMs(text: string): Converted<number> {
  const match = isoPattern.exec(text);
  if (!match) return fault('is not an ISO 8601 time such as 2018-04-01T00:00:31');
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const ms = Number(fraction.padEnd(3, '0').slice(0, 3));
  const utcMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    ms,
  );
  const isReal = new Date(utcMs).getUTCDate() === Number(day) && Number(month) <= 12;
  if (!isReal || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    return fault('is not a time that exists');
  return { kind: 'value', value: utcMs - zoneOffsetMs(zone) };
}

function zoneOffsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

const fault = (message: string): { readonly kind: 'fault'; readonly message: string } => ({ kind: 'fault', message });
