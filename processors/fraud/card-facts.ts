// What only cards remember: where they were last, and in which countries.
// Guarantees: the place of the payment folded last that had one; the newest 50 countries. Redelivery: the same calls leave the same state.
import type { NumberReader, NumberRow } from '../../streams/number-row.ts';
import { roomFor } from '../../streams/room-for.ts';
import type { Payment } from '../../events/payment.ts';
import { Codes } from './codes.ts';
import { type FeatureRow, placeOf } from './feature-row.ts';
import { type Blocks, NumberLists } from './number-lists.ts';
import { kilometres } from './place.ts';

const isNewCountry = placeOf('card_is_new_country');
const kmSinceLast = placeOf('card_km_since_last');
const kmhSinceLast = placeOf('card_kmh_since_last');
/** Countries that one card is remembered in. */
const countriesMax = 50;
const hourMs = 3_600_000;
/** Of each card: latitude (not a number: no place is known), longitude, and when it was there. */
const width = 3;

/** Of each card, by its place among the cards. */
export class CardFacts {
  readonly codes = new Codes();
  private readonly countries: NumberLists;
  private places = new Float64Array(64 * width);

  constructor(blocks: Blocks) {
    this.countries = new NumberLists(blocks, 1);
  }

  /** Of a card that is new. */
  begin(card: number): void {
    this.places = roomFor(this.places, (card + 1) * width);
    this.places.fill(Number.NaN, card * width, card * width + 2);
    this.places[card * width + 2] = 0;
    this.countries.makeRoomFor(card);
  }

  /** Whether the card was in that country; and how fast it got here. */
  fold(row: FeatureRow, card: number, { country, latitude, longitude }: Payment, asOfMs: number): void {
    if (country !== undefined) row[isNewCountry] = this.isKnown(card, this.codes.codeOf(country)) ? 0 : 1;
    if (latitude === undefined || longitude === undefined) return;
    const { places } = this;
    const at = card * width;
    const lastLatitude = places[at] as number;
    if (!Number.isNaN(lastLatitude)) {
      const km = kilometres(lastLatitude, places[at + 1] as number, latitude, longitude);
      row[kmSinceLast] = km;
      // Below a second any distance would be infinitely fast.
      row[kmhSinceLast] = km / (Math.max(1_000, asOfMs - (places[at + 2] as number)) / hourMs);
    }
    places[at] = latitude;
    places[at + 1] = longitude;
    places[at + 2] = asOfMs;
  }

  clear(card: number): void {
    this.countries.clear(card);
  }

  write(card: number, into: NumberRow): void {
    into.putAll(this.places, card * width, (card + 1) * width);
    this.countries.write(card, into);
  }

  restore(card: number, from: NumberReader): void {
    this.begin(card);
    this.places.set(from.takeAll(width), card * width);
    this.countries.read(card, from);
  }

  /** It is from now on; who was known for longest makes room. */
  private isKnown(card: number, country: number): boolean {
    const { countries } = this;
    const count = countries.count(card);
    const page = countries.page(card);
    const from = countries.from(card);
    for (let at = from; at < from + count; at++) if (page[at] === country) return true;
    if (count < countriesMax) {
      const at = countries.append(card);
      countries.page(card)[at] = country;
      return false;
    }
    page.copyWithin(from, from + 1, from + count);
    page[from + count - 1] = country;
    return false;
  }
}
