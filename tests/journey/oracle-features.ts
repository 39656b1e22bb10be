/**
 * The features of payments, by counting over plain lists: no tiles, no running sums, no code of the engine. Only what the
 * handbook's columns can have: one currency, a card and a terminal, no device, country or place, no labels.
 */
export interface OraclePayment {
  readonly id: string;
  readonly cardId: string;
  readonly terminalId: string;
  readonly amountMinor: number;
  readonly eventTimeMs: number;
}

export type OracleFeatures = Readonly<Record<string, number | boolean | null>>;

interface Seen {
  readonly asOfMs: number;
  readonly amountMinor: number;
  readonly other: string;
}

const windows: readonly (readonly [string, number])[] = [
  ['1m', 60_000],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
];
const stats = ['count', 'sum_minor', 'mean_minor', 'max_minor', 'distinct'];

export class OracleHistory {
  private readonly cards = new Map<string, Seen[]>();
  private readonly terminals = new Map<string, Seen[]>();

  /** Adds the payment, in fold order, and counts as of it. */
  add(payment: OraclePayment, watermarkMs: number): OracleFeatures {
    const { cardId, terminalId, amountMinor, eventTimeMs } = payment;
    const asOfMs = Math.max(eventTimeMs, watermarkMs);
    const values: Record<string, number | boolean | null> = {};
    const knewTerminal = this.cards.get(cardId)?.some(({ other }) => other === terminalId) ?? false;
    count(values, 'card', this.cards, cardId, { asOfMs, amountMinor, other: terminalId });
    count(values, 'terminal', this.terminals, terminalId, { asOfMs, amountMinor, other: cardId });
    for (const [window] of windows) for (const stat of stats) values[`device_${stat}_${window}`] = null;
    for (const name of [
      'device_seconds_since_last',
      'device_is_first_seen',
      'card_is_new_device',
      'card_is_new_country',
    ])
      values[name] = null;
    values['card_is_new_terminal'] = !knewTerminal;
    values['card_km_since_last'] = null;
    values['card_kmh_since_last'] = null;
    for (const window of ['7d', '28d']) {
      values[`terminal_fraud_count_${window}`] = 0;
      values[`terminal_fraud_share_${window}`] = 0;
    }
    const mean = values['card_mean_minor_7d'] as number;
    values['amount_to_card_mean_7d'] = mean === 0 ? null : amountMinor / mean;
    const at = new Date(eventTimeMs).toISOString();
    const hour = Number(at.slice(11, 13));
    values['hour_of_day'] = hour;
    // 1970-01-01 was a Thursday.
    values['is_weekend'] = [2, 3].includes(Math.floor(eventTimeMs / 86_400_000) % 7);
    values['is_night'] = hour <= 6;
    return values;
  }
}

function count(
  values: Record<string, number | boolean | null>,
  name: string,
  histories: Map<string, Seen[]>,
  key: string,
  self: Seen,
): void {
  const history = histories.get(key) ?? [];
  histories.set(key, history);
  const last = history.at(-1);
  values[`${name}_seconds_since_last`] = last ? Math.max(0, self.asOfMs - last.asOfMs) / 1_000 : null;
  values[`${name}_is_first_seen`] = last === undefined;
  history.push(self);
  for (const [window, sizeMs] of windows) {
    const tileMs = sizeMs / 60;
    const fromMs = Math.floor((self.asOfMs - sizeMs) / tileMs) * tileMs;
    let [payments, sum, max] = [0, 0, 0];
    const others = new Set<string>();
    for (const { asOfMs, amountMinor, other } of history) {
      if (asOfMs < fromMs || asOfMs > self.asOfMs) continue;
      payments += 1;
      sum += amountMinor;
      max = Math.max(max, amountMinor);
      others.add(other);
    }
    values[`${name}_count_${window}`] = payments;
    values[`${name}_sum_minor_${window}`] = sum;
    values[`${name}_mean_minor_${window}`] = sum / payments;
    values[`${name}_max_minor_${window}`] = max;
    values[`${name}_distinct_${window}`] = others.size;
  }
}
