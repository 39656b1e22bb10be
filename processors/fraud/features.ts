// The features of a payment as of itself: what rules see, and what a decision keeps.
// Guarantees: a function of the payments and labels folded before, the payment and the watermark; a payment counts itself.
// Redelivery: duplicates were dropped before; the same payments in the same order give the same features.
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import { Entities } from './entities.ts';
import { Entity, type SavedEntity, type Seen } from './entity.ts';
import { type FeatureRow, FeatureRows, placeOf } from './feature-row.ts';
import { FraudLabels, type SavedFraudLabels } from './fraud-labels.ts';
import { Edges, Totals, featureWindows, ladderWindows, level28d } from './ladder.ts';
import { kilometres, type Place } from './place.ts';

export interface FeaturesOptions {
  /** Keys with state, of each kind; a payment or label with a new one beyond is refused. */
  readonly keysMax: number;
}

/** A card, with what only cards remember. */
class Card {
  readonly entity: Entity;
  place: Place | null;
  placeMs: number;
  readonly countries: string[];

  constructor(entity = new Entity(), { place, placeMs, countries }: CardFacts = noFacts) {
    this.entity = entity;
    this.place = place;
    this.placeMs = placeMs;
    this.countries = [...countries];
  }

  get newestMs(): number {
    return this.entity.newestMs;
  }
}

interface CardFacts {
  readonly place: Place | null;
  readonly placeMs: number;
  readonly countries: readonly string[];
}
const noFacts: CardFacts = { place: null, placeMs: 0, countries: [] };

/** Where the features of an entity stand: of each window `count`, `sum_minor`, `mean_minor`, `max_minor`, `distinct` in a row. */
const placesOf = (entity: 'card' | 'device' | 'terminal') => ({
  windows: featureWindows.map(({ name }) => placeOf(`${entity}_count_${name}`)),
  secondsSinceLast: placeOf(`${entity}_seconds_since_last`),
  isFirstSeen: placeOf(`${entity}_is_first_seen`),
});
type EntityPlaces = ReturnType<typeof placesOf>;
const places = { card: placesOf('card'), device: placesOf('device'), terminal: placesOf('terminal') };
const cardMean7d = placeOf('card_mean_minor_7d');
const amountToCardMean7d = placeOf('amount_to_card_mean_7d');
const isNewTerminal = placeOf('card_is_new_terminal');
const isNewDevice = placeOf('card_is_new_device');
const isNewCountry = placeOf('card_is_new_country');
const kmSinceLast = placeOf('card_km_since_last');
const kmhSinceLast = placeOf('card_kmh_since_last');
const hourOfDay = placeOf('hour_of_day');
const isWeekend = placeOf('is_weekend');
const isNight = placeOf('is_night');
/** Written anew for each payment, and for each entity of it. */
const edges = new Edges();
const totals = new Totals();
const distinct = new Float64Array(featureWindows.length);

const level7d = 4;
const fraudShares = ([['7d', level7d] as const, ['28d', level28d] as const] as const).map(([window, level]) => ({
  level,
  sizeMs: ladderWindows[level].sizeMs,
  count: placeOf(`terminal_fraud_count_${window}`),
  share: placeOf(`terminal_fraud_share_${window}`),
}));
/** Countries that one card is remembered in. */
const countriesMax = 50;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

export class Features {
  private readonly cards: Entities<Card>;
  private readonly devices: Entities<Entity>;
  private readonly terminals: Entities<Entity>;
  private readonly labels: Entities<FraudLabels>;
  private expired = 0;
  private readonly rows = new FeatureRows();

  constructor({ keysMax }: FeaturesOptions) {
    const entities = () => new Entities(keysMax, () => new Entity());
    this.cards = new Entities(keysMax, () => new Card());
    this.devices = entities();
    this.terminals = entities();
    this.labels = new Entities(keysMax, () => new FraudLabels());
  }

  hasRoomFor({ cardId, deviceId, terminalId }: Payment): boolean {
    const hasDevice = deviceId === undefined || this.devices.hasRoomFor(deviceId);
    const hasTerminal = terminalId === undefined || this.terminals.hasRoomFor(terminalId);
    return this.cards.hasRoomFor(cardId) && hasDevice && hasTerminal;
  }

  hasRoomForLabel({ terminalId }: Label): boolean {
    return terminalId === undefined || this.labels.hasRoomFor(terminalId);
  }

  /** Folds the payment and gives its features. */
  fold(payment: Payment, watermarkMs: number): FeatureRow {
    const row = this.rows.next();
    const { cardId, deviceId, terminalId, amountMinor, currency } = payment;
    const asOfMs = Math.max(payment.eventTimeMs, watermarkMs);
    edges.moveTo(asOfMs);
    const card = this.cards.touch(cardId);
    const device = deviceId === undefined ? null : this.devices.touch(deviceId);
    const terminal = terminalId === undefined ? null : this.terminals.touch(terminalId);
    this.novelty(row, payment, { card, device, asOfMs });
    tell(row, places.card, card.entity, { asOfMs, amountMinor, currency, other: terminalId ?? null }, watermarkMs);
    const ofCard = { asOfMs, amountMinor, currency, other: cardId };
    if (device) tell(row, places.device, device, ofCard, watermarkMs);
    if (terminal && terminalId !== undefined) {
      tell(row, places.terminal, terminal, ofCard, watermarkMs);
      this.fraudShares(row, terminalId, terminal);
    }
    const mean = row[cardMean7d] as number;
    if (mean !== 0) row[amountToCardMean7d] = amountMinor / mean;
    clockFeatures(row, payment.eventTimeMs);
    return row;
  }

  foldLabel(label: Label, watermarkMs: number): void {
    if (label.terminalId === undefined) return;
    const knownMs = Math.max(label.eventTimeMs, watermarkMs);
    const payment = `${label.paymentSource ?? label.source}/${label.paymentId}`;
    this.labels.touch(label.terminalId).fold(payment, label.verdict === 'confirmed', knownMs);
  }

  /** Forgets what is 28 days behind the watermark. */
  expire(watermarkMs: number): void {
    const { cards, devices, terminals, labels } = this;
    this.expired += cards.expire(watermarkMs) + devices.expire(watermarkMs) + terminals.expire(watermarkMs);
    labels.expire(watermarkMs);
  }

  /** Whether the card was seen there, with that device, in that country; and how fast it got here. */
  private novelty(
    row: FeatureRow,
    { cardId, terminalId, country, latitude, longitude }: Payment,
    { card, device, asOfMs }: { readonly card: Card; readonly device: Entity | null; readonly asOfMs: number },
  ): void {
    if (terminalId !== undefined) row[isNewTerminal] = card.entity.knows(terminalId) ? 0 : 1;
    if (device) row[isNewDevice] = device.knows(cardId) ? 0 : 1;
    if (country !== undefined) {
      const isKnown = card.countries.includes(country);
      row[isNewCountry] = isKnown ? 0 : 1;
      if (!isKnown && card.countries.push(country) > countriesMax) card.countries.shift();
    }
    if (latitude === undefined || longitude === undefined) return;
    const place = { latitude, longitude };
    if (card.place) {
      const km = kilometres(card.place, place);
      row[kmSinceLast] = km;
      // Below a second any distance would be infinitely fast.
      row[kmhSinceLast] = km / (Math.max(1_000, asOfMs - card.placeMs) / hourMs);
    }
    card.place = place;
    card.placeMs = asOfMs;
  }

  private fraudShares(row: FeatureRow, terminalId: string, terminal: Entity): void {
    const labels = this.labels.peek(terminalId);
    for (let i = 0; i < fraudShares.length; i++) {
      const { level, sizeMs, count, share } = fraudShares[i] as (typeof fraudShares)[number];
      const frauds = labels?.count(edges.asOfMs, sizeMs) ?? 0;
      row[count] = frauds;
      row[share] = Math.min(1, frauds / terminal.count(level, edges));
    }
  }

  counters(): Readonly<Record<string, number>> {
    const { cards, devices, terminals, expired } = this;
    return { cards: cards.keyCount, devices: devices.keyCount, terminals: terminals.keyCount, expired };
  }

  snapshot(): unknown {
    const save = (entities: Entities<Entity>) => entities.snapshot((entity) => entity.snapshot());
    return {
      ...{
        cards: this.cards.snapshot(({ entity }) => entity.snapshot()),
        devices: save(this.devices),
        terminals: save(this.terminals),
        expired: this.expired,
      },
      cardFacts: this.cards.snapshot(({ newestMs, place, placeMs, countries }) => ({
        ...{ newestMs, place, placeMs, countries: [...countries] },
      })),
      labels: this.labels.snapshot((labels) => labels.snapshot()),
    };
  }

  restore(state: unknown): void {
    const saved = state as SavedFeatures;
    const factsOf = new Map(saved.cardFacts);
    this.cards.restore(saved.cards, (card, cardId) => new Card(Entity.restore(card), factsOf.get(cardId)));
    this.devices.restore(saved.devices, Entity.restore);
    this.terminals.restore(saved.terminals, Entity.restore);
    this.labels.restore(saved.labels, (labels) => new FraudLabels(labels));
    this.expired = saved.expired;
  }
}

/** Folds what an entity sees of the payment, and writes what it then says. */
function tell(
  row: FeatureRow,
  { windows, secondsSinceLast, isFirstSeen }: EntityPlaces,
  entity: Entity,
  seen: Seen,
  watermarkMs: number,
): void {
  const isFirst = entity.lastMs === -Infinity;
  if (!isFirst) row[secondsSinceLast] = Math.max(0, seen.asOfMs - entity.lastMs) / 1_000;
  row[isFirstSeen] = isFirst ? 1 : 0;
  entity.add(seen, watermarkMs);
  entity.distinct(edges, distinct);
  entity.read(edges, seen.currency, totals);
  for (let level = 0; level < windows.length; level++) {
    const place = windows[level] as number;
    const sumMinor = totals.sumMinor[level] as number;
    row[place] = totals.countAll[level] as number;
    row[place + 1] = sumMinor;
    row[place + 2] = sumMinor / (totals.count[level] as number);
    row[place + 3] = totals.maxMinor[level] as number;
    row[place + 4] = distinct[level] as number;
  }
}

interface SavedFeatures {
  readonly cards: readonly (readonly [string, SavedEntity])[];
  readonly devices: readonly (readonly [string, SavedEntity])[];
  readonly terminals: readonly (readonly [string, SavedEntity])[];
  readonly cardFacts: readonly (readonly [string, CardFacts])[];
  readonly labels: readonly (readonly [string, SavedFraudLabels])[];
  readonly expired: number;
}

/** In UTC. */
function clockFeatures(row: FeatureRow, eventTimeMs: number): void {
  const day = Math.floor(eventTimeMs / dayMs);
  const hour = Math.floor((eventTimeMs - day * dayMs) / hourMs);
  row[hourOfDay] = hour;
  // 1 January 1970 was a Thursday.
  const weekday = (((day + 4) % 7) + 7) % 7;
  row[isWeekend] = weekday % 6 === 0 ? 1 : 0;
  row[isNight] = hour <= 6 ? 1 : 0;
}
