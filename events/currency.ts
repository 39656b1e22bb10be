/** ISO 4217 currencies whose minor unit is not 1/100. */
const minorDigits: ReadonlyMap<string, number> = new Map([
  ...[
    'BIF',
    'CLP',
    'DJF',
    'GNF',
    'ISK',
    'JPY',
    'KMF',
    'KRW',
    'PYG',
    'RWF',
    'UGX',
    'VND',
    'VUV',
    'XAF',
    'XOF',
    'XPF',
  ].map((code) => [code, 0] as const),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((code) => [code, 3] as const),
]);

/** Digits after the decimal point of a currency (ISO 4217): 2 unless listed otherwise. */
export const minorDigitsOf = (currency: string): number => minorDigits.get(currency) ?? 2;

/**
 * Decimal text in major units (`57.16`) as minor units (5716), by its digits and not by floating point; what is beyond
 * the currency's smallest unit is rounded half up. The text must match `^\d+(\.\d+)?$`.
 */
export function minorUnits(majorText: string, currency: string): number {
  const digits = minorDigitsOf(currency);
  const [whole = '0', fraction = ''] = majorText.split('.');
  const kept = fraction.padEnd(digits, '0').slice(0, digits);
  const isRoundedUp = (fraction[digits] ?? '0') >= '5';
  return Number(whole + kept) + (isRoundedUp ? 1 : 0);
}
