// The names of all features, in the order in which decisions keep them. Pure data; no state. A rule may use exactly these: a name that
// is not here is told when the rule is compiled.

export const windowNames = ['1m', '10m', '1h', '24h', '7d'] as const;
const entityNames = ['card', 'device', 'terminal'] as const;

const ofEntity = (entity: string): readonly string[] => [
  ...windowNames.flatMap((window) =>
    ['count', 'sum_minor', 'mean_minor', 'max_minor', 'distinct'].map((stat) => `${entity}_${stat}_${window}`),
  ),
  `${entity}_seconds_since_last`,
  `${entity}_is_first_seen`,
];

export const featureNames: readonly string[] = [
  ...entityNames.flatMap(ofEntity),
  ...['card_is_new_terminal', 'card_is_new_device', 'card_is_new_country', 'card_km_since_last', 'card_kmh_since_last'],
  ...['terminal_fraud_count_7d', 'terminal_fraud_share_7d', 'terminal_fraud_count_28d', 'terminal_fraud_share_28d'],
  ...['amount_to_card_mean_7d', 'hour_of_day', 'is_weekend', 'is_night'],
];

/** True or false; the others are numbers. */
export const isFlag = (name: string): boolean => /(^|_)is_/.test(name);
