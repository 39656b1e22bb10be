import { minorDigitsOf } from '../events/currency.ts';

/** Numbers, money and times as people read them. Everything comes out as text; nothing here touches the page. */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const threeDecimals = new Intl.NumberFormat(undefined, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const minute = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const moneyFormats = new Map<string, Intl.NumberFormat>();

/** What stands where there is no number yet. */
export const noValue = '–';

/** `12,345`; below 10 one decimal, so that a slow stream does not read 0. */
export function formatRate(perSecond: number): string {
  return perSecond !== 0 && Math.abs(perSecond) < 10 ? oneDecimal.format(perSecond) : whole.format(perSecond);
}

/** `12,345`, from a number or the decimal text of a bigint. */
export function formatCount(count: number | string | undefined): string {
  if (count === undefined) return noValue;
  const value = typeof count === 'string' && /^-?\d+$/.test(count) ? BigInt(count) : Number(count);
  return typeof value === 'bigint' || Number.isFinite(value) ? whole.format(value) : noValue;
}

/** `0.375`, `1.4`, `175`: as much as a score says. */
export function formatScore(score: number): string {
  return score >= 1 ? formatRate(score) : threeDecimals.format(score);
}

/** `€1,234.50` from minor units; a currency that Intl does not know reads `1,234.50 XYZ`. `isShort`: `€1.2K`, for axes. */
export function formatMoney(amountMinor: number, currency: string, isShort = false): string {
  const format = moneyFormat(currency, isShort);
  if (!format) return `${oneDecimal.format(amountMinor / 100)}${currency ? ` ${currency}` : ''}`;
  return format.format(amountMinor / 10 ** minorDigitsOf(currency));
}

function moneyFormat(currency: string, isShort: boolean): Intl.NumberFormat | undefined {
  if (!/^[A-Za-z]{3}$/.test(currency)) return undefined;
  const name = `${currency}${isShort}`;
  const known = moneyFormats.get(name);
  if (known) return known;
  const more = isShort ? ({ notation: 'compact', maximumFractionDigits: 1 } as const) : {};
  const made = new Intl.NumberFormat(undefined, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    ...more,
  });
  moneyFormats.set(name, made);
  return made;
}

const share = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });

/** `12.5%` of a part of 1. */
export function formatShare(part: number): string {
  return Number.isFinite(part) ? share.format(part) : noValue;
}

/** `12:03:05`, local. */
export function formatClock(timeMs: number): string {
  return clock.format(timeMs);
}

/** `12:03`, local. */
export function formatMinute(timeMs: number): string {
  return minute.format(timeMs);
}

/** `6 s`, `3 min 20 s`, `5 h 2 min`, `12 d`: how long, for people. Below a second `< 1 s`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  if (durationMs < 0) return `−${formatDuration(-durationMs)}`;
  if (seconds < 1) return durationMs === 0 ? '0 s' : '< 1 s';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${seconds % 60 ? ` ${seconds % 60} s` : ''}`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const regionNames = new Intl.DisplayNames(undefined, { type: 'region', fallback: 'code' });

/** `Germany` from `DE`; any other text as it is, `unknown` for an empty one. */
export function formatCountry(code: string): string {
  if (!code) return 'unknown';
  return /^[A-Z]{2}$/.test(code) ? (regionNames.of(code) ?? code) : code;
}
