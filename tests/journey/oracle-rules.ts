import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { OracleFeatures, OraclePayment } from './oracle-features.ts';

/**
 * The shipped rules as plain functions, written from what they say: no CEL. A rule file that changes must change here too.
 */
const predicates: Readonly<Record<string, (f: OracleFeatures, payment: OraclePayment) => boolean>> = {
  'amount-above-own-mean': (f) => n(f, 'card_count_7d') >= 6 && n(f, 'amount_to_card_mean_7d') > 4,
  'card-testing': (f) => n(f, 'card_count_1m') >= 5 && n(f, 'card_mean_minor_1m') < 1_000,
  'card-velocity': (f) => n(f, 'card_count_10m') >= 12,
  'device-many-cards': (f) => n(f, 'device_distinct_24h') >= 4,
  'first-payment-high': (f, { amountMinor }) => f['card_is_first_seen'] === true && amountMinor >= 50_000,
  'impossible-travel': (f) => n(f, 'card_kmh_since_last') > 1_000 && n(f, 'card_km_since_last') > 300,
  'new-device-high-amount': (f, { amountMinor }) =>
    f['card_is_new_device'] === true && f['card_is_first_seen'] === false && amountMinor >= 15_000,
  'repeated-high-amounts': (f) =>
    n(f, 'card_count_10m') >= 3 &&
    n(f, 'card_count_7d') >= 6 &&
    n(f, 'card_sum_minor_10m') > 8 * n(f, 'card_mean_minor_7d'),
  'terminal-burst': (f) =>
    n(f, 'terminal_count_7d') - n(f, 'terminal_count_24h') >= 50 &&
    n(f, 'terminal_distinct_10m') >= 6 &&
    n(f, 'terminal_count_10m') * 20 > n(f, 'terminal_count_24h'),
  'terminal-with-fraud': (f) => n(f, 'terminal_fraud_count_7d') >= 2 && n(f, 'terminal_fraud_share_7d') > 0.1,
};

/** Nothing to say compares false. */
const n = (f: OracleFeatures, name: string): number => (typeof f[name] === 'number' ? f[name] : Number.NaN);

export interface OracleRule {
  readonly ruleId: string;
  readonly weight: number;
  readonly hits: (f: OracleFeatures, payment: OraclePayment) => boolean;
}

export interface OracleRules {
  /** In the order in which they are published. */
  readonly rules: readonly OracleRule[];
  readonly reviewScore: number;
  readonly declineScore: number;
}

/** By the files of `config/rules`. */
export function oracleRules(): OracleRules {
  const folder = fileURLToPath(new URL('../../config/rules/', import.meta.url));
  const read = (name: string) => parse(readFileSync(`${folder}${name}`, 'utf8')) as Record<string, unknown>;
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && name !== 'thresholds.yaml')
    .toSorted();
  const rules = names.map((name) => {
    const ruleId = name.slice(0, -'.yaml'.length);
    const hits = predicates[ruleId];
    if (!hits) throw new Error(`the oracle does not know the rule ${ruleId}`);
    return { ruleId, hits, weight: Number(read(name)['weight']) };
  });
  const { reviewScore, declineScore } = read('thresholds.yaml');
  return { rules, reviewScore: Number(reviewScore), declineScore: Number(declineScore) };
}
