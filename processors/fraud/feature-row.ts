// The features of one payment as a row of numbers, in the order of their names: what is computed, judged and written a hundred times a
// payment has no names of its own. NaN: nothing to say; flags are 1 and 0.
// Guarantees: a row and what `namedFeatures` makes of it say the same. Redelivery: no state.
import type { Decision } from '../../events/decisions.ts';
import { featureNames, isFlag } from './feature-names.ts';

export type FeatureRow = Float64Array;
export type FeatureValues = Decision['features'];

const places: ReadonlyMap<string, number> = new Map(featureNames.map((name, place) => [name, place]));
const flags: readonly boolean[] = featureNames.map(isFlag);

/** Where a feature stands in a row; throws a RangeError for a name that is none. */
export function placeOf(name: string): number {
  const place = places.get(name);
  if (place === undefined) throw new RangeError(`${name} is no feature`);
  return place;
}

export const isFeature = (name: string): boolean => places.has(name);

export const isFlagAt = (place: number): boolean => flags[place] === true;

/** A row that says nothing. */
export const newRow = (): FeatureRow => new Float64Array(featureNames.length).fill(Number.NaN);

/** As a decision keeps it. */
export function featureAt(row: FeatureRow, place: number): number | boolean | null {
  const value = row[place] as number;
  if (Number.isNaN(value)) return null;
  return isFlagAt(place) ? value === 1 : value;
}

/** By name, in the order in which decisions keep them. */
export const namedFeatures = (row: FeatureRow): FeatureValues =>
  Object.fromEntries(featureNames.map((name, place) => [name, featureAt(row, place)]));
