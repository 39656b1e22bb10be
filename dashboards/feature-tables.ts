import type { Decision } from '../events/decisions.ts';

type Value = Decision['features'][string];

export interface FeatureRow {
  /** `count`, `sum_minor`, … */
  readonly stat: string;
  /** By window. */
  readonly values: Readonly<Record<string, Value>>;
  readonly names: Readonly<Record<string, string>>;
}

export interface FeatureTables {
  readonly entities: readonly { readonly entity: string; readonly rows: readonly FeatureRow[] }[];
  readonly windows: readonly string[];
  /** What is not of an entity over a window. */
  readonly others: readonly (readonly [name: string, value: Value])[];
}

/** Features by entity, statistic and window, by their names (`card_count_1m`), in the order in which the decision keeps them. */
export function featureTables(features: Decision['features']): FeatureTables {
  const entities = new Map<string, Map<string, { values: Record<string, Value>; names: Record<string, string> }>>();
  const windows = new Set<string>();
  const others: (readonly [string, Value])[] = [];
  for (const [name, value] of Object.entries(features)) {
    const [, entity, stat, window] =
      /^(card|device|terminal)_(count|sum_minor|mean_minor|max_minor|distinct)_(\d+[mhd])$/.exec(name) ?? [];
    if (entity === undefined || stat === undefined || window === undefined) {
      others.push([name, value]);
      continue;
    }
    windows.add(window);
    const rows =
      entities.get(entity) ?? new Map<string, { values: Record<string, Value>; names: Record<string, string> }>();
    const row = rows.get(stat) ?? { values: {}, names: {} };
    row.values[window] = value;
    row.names[window] = name;
    entities.set(entity, rows.set(stat, row));
  }
  return {
    entities: [...entities].map(([entity, rows]) => ({
      entity,
      rows: [...rows].map(([stat, row]) => ({ stat, ...row })),
    })),
    windows: [...windows],
    others,
  };
}
