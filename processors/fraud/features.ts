// The features of a payment as of itself: what rules see, and what a decision keeps.
// Guarantees: a function of the payments and labels folded before, the payment and the watermark; a payment counts itself.
// Redelivery: duplicates were dropped before; the same payments in the same order give the same features.
import type { Decision } from '../../events/decisions.ts';
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import { Entities } from './entities.ts';
import { Entity, type SavedEntity, type Seen } from './entity.ts';
import { featureNames } from './feature-names.ts';
import { FraudLabels, type SavedFraudLabels } from './fraud-labels.ts';
import { ladderWindows, type Totals } from './ladder.ts';
import { kilometres, type Place } from './place.ts';

export type FeatureValues = Decision['features'];

export interface FeaturesOptions {
  /** Keys with state, of each kind; a payment or label with a new one beyond is refused. */
  readonly keysMax: number;
}

/** What only cards remember. */
interface CardFacts {
  newestMs: number;
  place: Place | null;
  placeMs: number;
  readonly countries: string[];
}

/** In the order in which decisions keep them. */
const nothing: FeatureValues = Object.fromEntries(featureNames.map((name) => [name, null]));

/** Windows that features are named after; the last level serves shares over 28 days alone. */
export const featureWindows = ladderWindows.slice(0, 5);
type EntityName = 'card' | 'device' | 'terminal';
type WindowNames = readonly [count: string, sum: string, mean: string, max: string, distinct: string];
const namesOf = (entity: EntityName): readonly WindowNames[] =>
  featureWindows.map(({ name }) => {
    const of = (stat: string) => `${entity}_${stat}_${name}`;
    return [of('count'), of('sum_minor'), of('mean_minor'), of('max_minor'), of('distinct')];
  });
const statNames = { card: namesOf('card'), device: namesOf('device'), terminal: namesOf('terminal') };
/** Written anew for each entity. */
const totals: Totals = { count: 0, sumMinor: 0, maxMinor: 0 };
const distinct = new Float64Array(featureWindows.length);

const level7d = 4;
const level28d = 5;
const week = ladderWindows[level7d].sizeMs;
const month = ladderWindows[level28d].sizeMs;
/** Countries that one card is remembered in. */
const countriesMax = 50;
const hourMs = 3_600_000;

export class Features {
  private readonly cards: Entities<Entity>;
  private readonly cardFacts: Entities<CardFacts>;
  private readonly devices: Entities<Entity>;
  private readonly terminals: Entities<Entity>;
  private readonly labels: Entities<FraudLabels>;
  private expired = 0;

  constructor({ keysMax }: FeaturesOptions) {
    const entities = () => new Entities(keysMax, () => new Entity());
    this.cards = entities();
    this.devices = entities();
    this.terminals = entities();
    this.cardFacts = new Entities(keysMax, () => ({ newestMs: -Infinity, place: null, placeMs: 0, countries: [] }));
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
  fold(payment: Payment, watermarkMs: number): FeatureValues {
    const { cardId, deviceId = null, terminalId = null, amountMinor, currency } = payment;
    const asOfMs = Math.max(payment.eventTimeMs, watermarkMs);
    const seen = { asOfMs, amountMinor, currency };
    const values: Record<string, number | boolean | null> = { ...nothing };
    const card = this.touched(values, 'card', this.cards, cardId, { ...seen, other: terminalId }, watermarkMs);
    this.novelty(values, payment, card.knewOther, asOfMs);
    this.touched(values, 'device', this.devices, deviceId, { ...seen, other: cardId }, watermarkMs);
    this.touched(values, 'terminal', this.terminals, terminalId, { ...seen, other: cardId }, watermarkMs);
    this.fraudShares(values, terminalId, asOfMs);
    const mean = values['card_mean_minor_7d'] as number;
    values['amount_to_card_mean_7d'] = mean === 0 ? null : amountMinor / mean;
    clockFeatures(values, payment.eventTimeMs);
    return values;
  }

  foldLabel(label: Label, watermarkMs: number): void {
    if (label.terminalId === undefined) return;
    const knownMs = Math.max(label.eventTimeMs, watermarkMs);
    const payment = `${label.paymentSource ?? label.source}/${label.paymentId}`;
    this.labels.touch(label.terminalId).fold(payment, label.verdict === 'confirmed', knownMs);
  }

  /** Forgets what is 28 days behind the watermark. */
  expire(watermarkMs: number): void {
    const { cards, devices, terminals, cardFacts, labels } = this;
    this.expired += cards.expire(watermarkMs) + devices.expire(watermarkMs) + terminals.expire(watermarkMs);
    cardFacts.expire(watermarkMs);
    labels.expire(watermarkMs);
  }

  private touched(
    values: Record<string, number | boolean | null>,
    name: EntityName,
    entities: Entities<Entity>,
    key: string | null,
    seen: Seen,
    watermarkMs: number,
  ): { readonly knewOther: boolean } {
    if (key === null) return { knewOther: false };
    const isFirst = entities.peek(key) === undefined;
    const entity = entities.touch(key);
    const knewOther = seen.other !== null && entity.knows(seen.other);
    const sinceMs = isFirst ? null : Math.max(0, seen.asOfMs - entity.lastMs);
    entity.add(seen, watermarkMs);
    entity.distinct(seen.asOfMs, distinct);
    for (let level = 0; level < featureWindows.length; level++) {
      const [count, sum, mean, max, others] = statNames[name][level] as WindowNames;
      totals.count = totals.sumMinor = totals.maxMinor = 0;
      values[count] = entity.read(level, seen.asOfMs, seen.currency, totals).countAll;
      values[sum] = totals.sumMinor;
      values[mean] = totals.sumMinor / totals.count;
      values[max] = totals.maxMinor;
      values[others] = distinct[level] as number;
    }
    values[`${name}_seconds_since_last`] = sinceMs === null ? null : sinceMs / 1_000;
    values[`${name}_is_first_seen`] = isFirst;
    return { knewOther };
  }

  /** Whether the card was seen there, with that device, in that country; and how fast it got here. */
  private novelty(
    values: Record<string, number | boolean | null>,
    payment: Payment,
    knewTerminal: boolean,
    asOfMs: number,
  ): void {
    const { cardId, deviceId, terminalId, country, latitude, longitude } = payment;
    const facts = this.cardFacts.touch(cardId);
    facts.newestMs = Math.max(facts.newestMs, asOfMs);
    values['card_is_new_terminal'] = terminalId === undefined ? null : !knewTerminal;
    values['card_is_new_device'] = deviceId === undefined ? null : !this.devices.peek(deviceId)?.knows(cardId);
    values['card_is_new_country'] = country === undefined ? null : !facts.countries.includes(country);
    if (country !== undefined && !facts.countries.includes(country)) {
      facts.countries.push(country);
      if (facts.countries.length > countriesMax) facts.countries.shift();
    }
    const place = latitude === undefined || longitude === undefined ? null : { latitude, longitude };
    const km = place && facts.place ? kilometres(facts.place, place) : null;
    values['card_km_since_last'] = km;
    // Below a second any distance would be infinitely fast.
    values['card_kmh_since_last'] = km === null ? null : km / (Math.max(1_000, asOfMs - facts.placeMs) / hourMs);
    if (!place) return;
    facts.place = place;
    facts.placeMs = asOfMs;
  }

  private fraudShares(
    values: Record<string, number | boolean | null>,
    terminalId: string | null,
    asOfMs: number,
  ): void {
    const labels = terminalId === null ? undefined : this.labels.peek(terminalId);
    const terminal = terminalId === null ? undefined : this.terminals.peek(terminalId);
    for (const [window, sizeMs, level] of [['7d', week, level7d] as const, ['28d', month, level28d] as const]) {
      const frauds = labels?.count(asOfMs, sizeMs) ?? 0;
      const payments = terminal?.read(level, asOfMs, '', { count: 0, sumMinor: 0, maxMinor: 0 }).countAll ?? 0;
      values[`terminal_fraud_count_${window}`] = terminalId === null ? null : frauds;
      values[`terminal_fraud_share_${window}`] = terminalId === null ? null : Math.min(1, frauds / payments);
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
        cards: save(this.cards),
        devices: save(this.devices),
        terminals: save(this.terminals),
        expired: this.expired,
      },
      cardFacts: this.cardFacts.snapshot((facts) => ({ ...facts, countries: [...facts.countries] })),
      labels: this.labels.snapshot((labels) => labels.snapshot()),
    };
  }

  restore(state: unknown): void {
    const saved = state as SavedFeatures;
    this.cards.restore(saved.cards, Entity.restore);
    this.devices.restore(saved.devices, Entity.restore);
    this.terminals.restore(saved.terminals, Entity.restore);
    this.cardFacts.restore(saved.cardFacts, (facts) => ({ ...facts, countries: [...facts.countries] }));
    this.labels.restore(saved.labels, (labels) => new FraudLabels(labels));
    this.expired = saved.expired;
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
function clockFeatures(values: Record<string, number | boolean | null>, eventTimeMs: number): void {
  const at = new Date(eventTimeMs);
  const hour = at.getUTCHours();
  values['hour_of_day'] = hour;
  values['is_weekend'] = at.getUTCDay() % 6 === 0;
  values['is_night'] = hour <= 6;
}
