import type { Payment } from '../../events/payment.ts';
import type { Rule, Thresholds } from '../../events/rule.ts';
import { seeded } from '../seeded.ts';

/** Payments an event-time second. */
const perSecond = 100;
const disorderMs = 2_000;
const startMs = Date.UTC(2026, 0, 5);
const cities = [
  ['FR', 48.86, 2.35],
  ['DE', 52.52, 13.4],
  ['SE', 59.33, 18.07],
  ['IT', 41.9, 12.5],
  ['ES', 40.42, -3.7],
] as const;

export interface PaymentsOptions {
  readonly payments: number;
  /** Cards; a tenth as many terminals, and somewhat more devices than cards. */
  readonly cards: number;
  /** Another one, other payments. */
  readonly seed?: number;
}

/**
 * Seeded payments: each card at home in one city, with one or two devices and ten terminals that it uses rather, seldom abroad, seldom
 * high; out of order within two seconds.
 */
export function* seededPayments({ payments, cards, seed = 7 }: PaymentsOptions): Generator<Payment> {
  const random = seeded(seed);
  const terminals = Math.max(10, Math.floor(cards / 10));
  for (let i = 0; i < payments; i++) {
    const card = random(cards);
    const isOdd = random(200) === 0;
    const [country, latitude, longitude] = cities[(card + (isOdd ? 1 : 0)) % cities.length] as (typeof cities)[number];
    const terminal = random(20) === 0 ? random(terminals) : (card * 31 + random(10)) % terminals;
    yield {
      id: `p-${String(i).padStart(9, '0')}`,
      ...{ type: 'payment', version: 2, source: 'shop' },
      eventTimeMs: startMs + disorderMs + Math.floor((i * 1_000) / perSecond) - random(disorderMs + 1),
      key: `card-${card}`,
      amountMinor: random(50) === 0 ? 30_000 + random(60_000) : 300 + random(9_000),
      ...{ currency: 'EUR', cardId: `card-${card}`, terminalId: `terminal-${terminal}` },
      merchantId: `merchant-${terminal % 997}`,
      deviceId: isOdd ? `device-x${random(cards)}` : `device-${card}-${random(8) === 0 ? 1 : 0}`,
      ...{ country, category: 'retail' },
      latitude: latitude + (terminal % 100) / 1_000,
      longitude: longitude + (terminal % 97) / 1_000,
    };
  }
}

/** The clock that goes on with the payments: two seconds behind the newest, none is from the future. */
export const clockMsOf = (payment: number): number =>
  startMs + 2 * disorderMs + Math.floor((payment * 1_000) / perSecond);

const expressions: readonly (readonly [expression: string, weight: number])[] = [
  ['f.card_count_7d >= 4 && f.amount_to_card_mean_7d > 2.5', 50],
  ['f.card_count_1m >= 5 && f.card_mean_minor_1m < 1000', 85],
  ['f.card_count_10m >= 15', 45],
  ['f.device_distinct_24h >= 4', 60],
  ['f.card_is_first_seen && payment.amountMinor >= 50000', 30],
  ['f.card_kmh_since_last > 1000 && f.card_km_since_last > 300', 85],
  ['f.card_is_new_device && !f.card_is_first_seen && payment.amountMinor >= 15000', 55],
  ['f.card_count_10m >= 3 && f.card_sum_minor_10m > 5 * f.card_mean_minor_7d * f.card_count_10m', 30],
  [
    'f.terminal_count_24h >= 50 && f.terminal_distinct_10m >= 50 && f.terminal_count_10m * 2 > f.terminal_count_24h',
    40,
  ],
  ['f.terminal_fraud_count_7d >= 2 && f.terminal_fraud_share_7d > 0.05', 50],
  ['f.card_distinct_1h >= 30', 20],
  ['f.card_is_new_country && f.card_seconds_since_last < 600', 45],
  ['f.device_count_1h >= 100 && f.device_distinct_1h >= 3', 50],
  ['payment.amountMinor > 85000', 35],
  ['f.is_night && payment.amountMinor > 60000', 25],
  ['f.card_max_minor_24h > 80000 && f.card_count_24h >= 20', 20],
  ['payment.country in ["KP", "IR"] || payment.currency == "XXX"', 90],
  ['f.device_is_first_seen && f.card_count_24h >= 100', 20],
  ['listed("watched", "card") || listed("watched", "device")', 60],
  ['known(f.card_km_since_last) && f.card_km_since_last / 2 > 5000', 40],
];

/** Twenty rules: the ten that come with millrace (some of their limits moved to this shop's size), and ten more. */
export function benchRules(): readonly (Rule | Thresholds)[] {
  const envelope = { version: 1, source: 'bench', eventTimeMs: startMs } as const;
  const rules = expressions.map(([expression, weight], i): Rule => {
    const ruleId = `rule-${String(i + 1).padStart(2, '0')}`;
    const about = { reason: `${ruleId}: {card_count_1h} payments of the card in an hour`, severity: 'medium' as const };
    return { ...envelope, id: ruleId, key: ruleId, type: 'rule', ruleId, expression, weight, ...about, isOn: true };
  });
  const scores = { reviewScore: 50, declineScore: 80 };
  return [...rules, { ...envelope, id: 'thresholds', key: 'thresholds', type: 'thresholds', ...scores }];
}
