// Whole numbers as decimal digits in bytes, three at a time out of a table: a division a digit is most of what a small number costs.
// Guarantees: exactly the digits. Up to three bytes behind the last one are written over. Redelivery: no state.

const digitsOf = (value: number, text: string): number =>
  text.split('').reduce((word, digit, i) => word | (digit.charCodeAt(0) << (8 * i)), value);
/** 0 … 999 as three digits, the first in the lowest byte. */
const padded = Int32Array.from({ length: 1_000 }, (_, value) => digitsOf(0, String(value).padStart(3, '0')));
/** The same without zeros in front, and how many digits these are in the highest byte. */
const plain = Int32Array.from({ length: 1_000 }, (_, value) =>
  digitsOf(String(value).length << 24, String(value).slice(0, 3)),
);
/** What eight digits are that begin with so many others. */
const shifts = Int32Array.from({ length: 9 }, (_, digits) => 10 ** (8 - digits));

/** Writes a whole number from 0 to 2^31 − 1; returns where it ends. */
export function putWhole(view: DataView, at: number, value: number): number {
  if (value < 1_000) {
    const digits = plain[value] as number;
    view.setInt32(at, digits, true);
    return at + (digits >> 24);
  }
  if (value < 1_000_000) {
    const high = (value / 1_000) | 0;
    const digits = plain[high] as number;
    view.setInt32(at, digits, true);
    const low = at + (digits >> 24);
    view.setInt32(low, padded[value - high * 1_000] as number, true);
    return low + 3;
  }
  const high = (value / 1_000_000) | 0;
  const low = putWhole(view, at, high);
  const rest = value - high * 1_000_000;
  const thousands = (rest / 1_000) | 0;
  view.setInt32(low, padded[thousands] as number, true);
  view.setInt32(low + 3, padded[rest - thousands * 1_000] as number, true);
  return low + 6;
}

/** Writes a whole number below 10^digits with zeros in front, `digits` being at most 8; returns where it ends. Eight bytes are written. */
export function putPadded(view: DataView, at: number, value: number, digits: number): number {
  const eight = (value * (shifts[digits] as number)) | 0;
  const first = (eight / 100_000) | 0;
  const rest = eight - first * 100_000;
  const second = (rest / 100) | 0;
  view.setInt32(at, padded[first] as number, true);
  view.setInt32(at + 3, padded[second] as number, true);
  view.setInt16(at + 6, (padded[rest - second * 100] as number) >> 8, true);
  return at + digits;
}
