// The features of a payment as of itself: what rules see, and what a decision keeps.
// Guarantees: a function of the payments and labels folded before, the payment and the watermark; a payment counts itself.
// Redelivery: duplicates were dropped before; the same payments in the same order give the same features.
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import type { TimedEvent } from '../../streams/batch.ts';
import { beginPlain, beginValues, joined, split, valuesOf } from '../../streams/pieces.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';
import { Seen } from './ahead.ts';
import { CardFacts } from './card-facts.ts';
import { Codes } from './codes.ts';
import { Entities } from './entities.ts';
import { type FeatureRow, newRow, placeOf } from './feature-row.ts';
import { FraudLabels, type SavedFraudLabels } from './fraud-labels.ts';
import { Keys } from './keys.ts';
import { Blocks } from './number-lists.ts';
import { Edges, featureLevels, featureWindows, ladderWindows, level28d, Totals } from './windows.ts';

export interface FeaturesOptions {
  /** Keys with state, of each kind; a payment or label with a new one beyond is refused. */
  readonly keysMax: number;
}

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
const hourOfDay = placeOf('hour_of_day');
const isWeekend = placeOf('is_weekend');
const isNight = placeOf('is_night');
/** Written anew for each payment, and for each entity of it. */
const edges = new Edges();
const totals = new Totals();
const seen = new Seen();

const level7d = 4;
const fraudShares = ([['7d', level7d] as const, ['28d', level28d] as const] as const).map(([window, level]) => ({
  level,
  sizeMs: ladderWindows[level].sizeMs,
  count: placeOf(`terminal_fraud_count_${window}`),
  share: placeOf(`terminal_fraud_share_${window}`),
}));
/** Terminals with labels that a piece of a snapshot holds. */
const labelledPerPiece = 64;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

export class Features {
  private readonly cards: Entities;
  private readonly devices: Entities;
  private readonly terminals: Entities;
  private readonly facts: CardFacts;
  private readonly currencies = new Codes();
  private readonly labelled: Keys;
  /** By the place of their terminal in `labelled`. */
  private readonly labels: (FraudLabels | null)[] = [];
  private expired = 0;
  /** Of the payment folded last. */
  private readonly row = newRow();

  constructor({ keysMax }: FeaturesOptions) {
    const blocks = new Blocks();
    this.facts = new CardFacts(blocks);
    this.cards = new Entities({ keysMax, blocks, beside: this.facts });
    this.devices = new Entities({ keysMax, blocks });
    this.terminals = new Entities({ keysMax, blocks });
    this.cards.meets(this.terminals);
    this.devices.meets(this.cards);
    this.terminals.meets(this.cards);
    this.labelled = new Keys(keysMax);
  }

  hasRoomFor({ cardId, deviceId, terminalId }: Payment): boolean {
    const hasDevice = deviceId === undefined || this.devices.keys.hasRoomFor(deviceId);
    const hasTerminal = terminalId === undefined || this.terminals.keys.hasRoomFor(terminalId);
    return this.cards.keys.hasRoomFor(cardId) && hasDevice && hasTerminal;
  }

  hasRoomForLabel({ terminalId }: Label): boolean {
    return terminalId === undefined || this.labelled.hasRoomFor(terminalId);
  }

  /** Folds the payment and gives its features, which are good until the next. */
  fold(payment: Payment, watermarkMs: number): FeatureRow {
    const row = this.row.fill(Number.NaN);
    const { cards, devices, terminals } = this;
    const { cardId, deviceId, terminalId, amountMinor } = payment;
    const asOfMs = Math.max(payment.eventTimeMs, watermarkMs);
    edges.moveTo(asOfMs);
    const { hints } = payment as TimedEvent;
    const card = cards.touch(cardId, hints?.['cardId']);
    const device = deviceId === undefined ? -1 : devices.touch(deviceId, hints?.['deviceId']);
    const terminal = terminalId === undefined ? -1 : terminals.touch(terminalId, hints?.['terminalId']);
    if (cards.lastMs(card) === -Infinity) this.facts.begin(card);
    if (terminal >= 0) row[isNewTerminal] = cards.knows(card, terminal) ? 0 : 1;
    if (device >= 0) row[isNewDevice] = devices.knows(device, card) ? 0 : 1;
    this.facts.fold(row, card, payment, asOfMs);
    seen.asOfMs = asOfMs;
    seen.watermarkMs = watermarkMs;
    seen.amountMinor = amountMinor;
    seen.currency = this.currencies.codeOf(payment.currency);
    seen.other = terminal;
    tell(row, places.card, cards, card);
    seen.other = card;
    if (device >= 0) tell(row, places.device, devices, device);
    if (terminal >= 0) {
      tell(row, places.terminal, terminals, terminal);
      this.fraudShares(row, terminalId as string, terminal);
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
    const place = this.labelled.touch(label.terminalId);
    const labels = (this.labels[place] ??= new FraudLabels());
    labels.fold(payment, label.verdict === 'confirmed', knownMs);
    this.labelled.seen(place, knownMs);
  }

  /** Forgets what is 28 days behind the watermark. */
  expire(watermarkMs: number): void {
    const { cards, devices, terminals } = this;
    this.expired += cards.expire(watermarkMs) + devices.expire(watermarkMs) + terminals.expire(watermarkMs);
    this.labelled.expire(watermarkMs, (place) => void (this.labels[place] = null));
  }

  private fraudShares(row: FeatureRow, terminalId: string, terminal: number): void {
    const place = this.labelled.count === 0 ? -1 : this.labelled.peek(terminalId);
    const labels = place < 0 ? null : this.labels[place];
    for (let i = 0; i < fraudShares.length; i++) {
      const { level, sizeMs, count, share } = fraudShares[i] as (typeof fraudShares)[number];
      const frauds = labels?.count(edges.asOfMs, sizeMs) ?? 0;
      row[count] = frauds;
      // It counts itself: there is one at least.
      row[share] = frauds === 0 ? 0 : Math.min(1, frauds / this.terminals.count(terminal, level, edges));
    }
  }

  counters(): Readonly<Record<string, number>> {
    const { cards, devices, terminals, expired } = this;
    return { cards: cards.keys.count, devices: devices.keys.count, terminals: terminals.keys.count, expired };
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { cards, devices, terminals, labelled, facts, currencies, expired } = this;
    // What is confirmed is another list when it changes.
    const labels = labelled.map((place, key) => [key, this.labels[place]?.snapshot()] as const);
    const plain: SavedPlain = { currencies: currencies.snapshot(), countries: facts.codes.snapshot(), expired };
    return joined({
      ...{ plain: beginPlain(plain), cards: cards.beginSnapshot(pieceBytes) },
      ...{ devices: devices.beginSnapshot(pieceBytes), terminals: terminals.beginSnapshot(pieceBytes) },
      labels: beginValues(labels, labelledPerPiece),
    });
  }

  /** Into features that were folded nothing yet. */
  restore(state: unknown): void {
    const saved = split(state as SlicedState) as Record<SavedPart, SlicedState>;
    const { currencies, countries, expired } = saved.plain.head as SavedPlain;
    this.currencies.restore(currencies);
    this.facts.codes.restore(countries);
    const entities = ['cards', 'devices', 'terminals'] as const;
    for (const name of entities) this[name].restoreKeys(saved[name]);
    for (const name of entities) this[name].restoreRows(saved[name]);
    for (const [key, labels] of valuesOf<readonly [string, SavedFraudLabels]>(saved.labels)) {
      const place = this.labelled.touch(key);
      this.labels[place] = new FraudLabels(labels);
      this.labelled.seen(place, labels.newestMs);
    }
    this.expired = expired;
  }
}

type SavedPart = 'plain' | 'cards' | 'devices' | 'terminals' | 'labels';

interface SavedPlain {
  readonly currencies: readonly string[];
  readonly countries: readonly string[];
  readonly expired: number;
}

/** Folds what an entity sees of the payment, and writes what it then says. */
function tell(
  row: FeatureRow,
  { windows, secondsSinceLast, isFirstSeen }: EntityPlaces,
  entities: Entities,
  entity: number,
): void {
  const lastMs = entities.lastMs(entity);
  const isFirst = lastMs === -Infinity;
  if (!isFirst) row[secondsSinceLast] = Math.max(0, seen.asOfMs - lastMs) / 1_000;
  row[isFirstSeen] = isFirst ? 1 : 0;
  entities.add(entity, seen);
  entities.read(entity, seen, edges, totals);
  for (let level = 0; level < featureLevels; level++) {
    const place = windows[level] as number;
    const sumMinor = totals.sumMinor[level] as number;
    row[place] = totals.countAll[level] as number;
    row[place + 1] = sumMinor;
    row[place + 2] = sumMinor / (totals.count[level] as number);
    row[place + 3] = totals.maxMinor[level] as number;
    row[place + 4] = totals.distinct[level] as number;
  }
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
