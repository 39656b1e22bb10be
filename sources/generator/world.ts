// The demo shop's people and places, made from the seed alone: countries, merchants with their terminals, users with cards and
// devices, items. The same seed gives the same shop, so that a restarted demo goes on with the same customers. All money is in
// minor units of the country's currency; nothing here is sent, so nothing is redelivered.
import type { Random } from './random.ts';

export interface Country {
  readonly code: string;
  readonly currency: string;
  /** Part of the users. */
  readonly weight: number;
  readonly latitude: number;
  readonly longitude: number;
}

export interface Terminal {
  readonly terminalId: string;
  readonly merchantId: string;
  readonly category: string;
  /** Median amount of a payment, minor units. */
  readonly medianMinor: number;
  readonly country: Country;
  readonly latitude: number;
  readonly longitude: number;
  /** Old terminals still send version 1 of the payment. */
  readonly isOld: boolean;
}

export interface User {
  readonly userId: string;
  readonly cardId: string;
  readonly deviceId: string;
  readonly country: Country;
  /** The terminals around: where the card is normally used. */
  readonly terminals: readonly Terminal[];
}

export interface Item {
  readonly itemId: string;
  readonly category: string;
  readonly priceMinor: number;
}

export interface World {
  readonly users: readonly User[];
  /** Those of them who shop online too, and come back within minutes; everybody's card is used at terminals. */
  readonly visitors: readonly User[];
  readonly items: readonly Item[];
  readonly terminals: readonly Terminal[];
}

const countries: readonly Country[] = [
  { code: 'DE', currency: 'EUR', weight: 30, latitude: 52.52, longitude: 13.4 },
  { code: 'FR', currency: 'EUR', weight: 18, latitude: 48.86, longitude: 2.35 },
  { code: 'IT', currency: 'EUR', weight: 12, latitude: 41.9, longitude: 12.5 },
  { code: 'ES', currency: 'EUR', weight: 11, latitude: 40.42, longitude: -3.7 },
  { code: 'NL', currency: 'EUR', weight: 9, latitude: 52.37, longitude: 4.9 },
  { code: 'AT', currency: 'EUR', weight: 6, latitude: 48.21, longitude: 16.37 },
  { code: 'GB', currency: 'GBP', weight: 8, latitude: 51.51, longitude: -0.13 },
  { code: 'US', currency: 'USD', weight: 6, latitude: 40.71, longitude: -74.01 },
];

const trades = [
  { category: 'groceries', medianMinor: 2_800 },
  { category: 'restaurant', medianMinor: 3_400 },
  { category: 'fuel', medianMinor: 5_500 },
  { category: 'fashion', medianMinor: 6_200 },
  { category: 'electronics', medianMinor: 14_900 },
  { category: 'travel', medianMinor: 21_000 },
] as const;

const itemCategories = ['books', 'garden', 'kitchen', 'music', 'sport', 'toys', 'electronics', 'fashion'] as const;

const sizes = {
  users: 30_000,
  visitors: 3_000,
  items: 600,
  terminals: 240,
  terminalsPerMerchant: 3,
  terminalsPerUser: 5,
} as const;

/** Draws the whole shop: a few thousand objects, a few milliseconds. */
export function createWorld(random: Random): World {
  const terminals = Array.from({ length: sizes.terminals }, (_, i) => createTerminal(random, i));
  const users = Array.from({ length: sizes.users }, (_, i) => createUser(random, i, terminals));
  const items = Array.from({ length: sizes.items }, (_, i) => ({
    itemId: `item-${i}`,
    category: random.pick(itemCategories),
    priceMinor: Math.round(random.logNormal(2_400, 0.8)),
  }));
  return { users, visitors: users.slice(0, sizes.visitors), items, terminals };
}

function createTerminal(random: Random, i: number): Terminal {
  // Merchants keep to one country and trade: both come from the merchant's number.
  const merchant = Math.floor(i / sizes.terminalsPerMerchant);
  const country = countryAt(((merchant * 0.618_034) % 1) * 100);
  const trade = trades[merchant % trades.length] ?? trades[0];
  return {
    terminalId: `terminal-${i}`,
    merchantId: `merchant-${merchant}`,
    category: trade.category,
    medianMinor: trade.medianMinor,
    country,
    latitude: round4(country.latitude + random.between(-0.3, 0.3)),
    longitude: round4(country.longitude + random.between(-0.3, 0.3)),
    isOld: random.chance(0.08),
  };
}

function createUser(random: Random, i: number, terminals: readonly Terminal[]): User {
  const country = countryAt(random.between(0, 100));
  const near = terminals.filter((terminal) => terminal.country === country);
  return {
    userId: `user-${i}`,
    cardId: `card-${i}`,
    deviceId: `device-${i}`,
    country,
    terminals: Array.from({ length: sizes.terminalsPerUser }, () => random.pick(near)),
  };
}

/** The country at a place on the line of all weights, which add up to 100. */
function countryAt(place: number): Country {
  let end = 0;
  for (const country of countries) if (place < (end += country.weight)) return country;
  return countries[0] as Country;
}

const round4 = (degrees: number): number => Math.round(degrees * 10_000) / 10_000;
