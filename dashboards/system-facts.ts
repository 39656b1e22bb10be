import type { PipelineLine, SystemStatus } from '../live/system-status.ts';

/** The pipeline whose event time the Overview shows: of several shards the one furthest behind. */
export function revenuePipeline(system: SystemStatus | null): PipelineLine | null {
  const shards = system?.pipelines.filter((pipeline) => pipeline.name === 'revenue') ?? [];
  return shards.toSorted((a, b) => (a.watermarkMs ?? -Infinity) - (b.watermarkMs ?? -Infinity))[0] ?? null;
}

/** Input records that no pipeline has read yet. */
export function lagRecords(system: SystemStatus): number {
  return system.partitions.reduce((sum, partition) => sum + partition.lag, 0);
}

/** One term of the sum that every record must be in. */
export interface IdentityTerm {
  readonly name: string;
  readonly count: number;
}

/** Records in = folded + duplicate + late + dead-lettered + quarantined + ignored. */
export interface CountIdentity {
  readonly recordsIn: number;
  readonly terms: readonly IdentityTerm[];
  /** records in − the sum of the terms: 0 when nothing disappeared. */
  readonly difference: number;
}

/** Each term with the names that its counter goes by: the status's, and the fold's own. */
const terms = [
  ['folded', ['folded']],
  ['duplicate', ['duplicate']],
  ['late', ['late']],
  ['dead-lettered', ['deadLettered', 'dead']],
  ['quarantined', ['quarantined']],
  ['ignored', ['ignored']],
] as const;

/** The identity as a pipeline's counters state it. */
export function countIdentity(counters: Readonly<Record<string, number>>): CountIdentity {
  const counted = terms.map(([name, keys]) => ({
    name,
    count: keys.map((key) => counters[key]).find((count) => count !== undefined) ?? 0,
  }));
  const recordsIn = counters['in'] ?? 0;
  return { recordsIn, terms: counted, difference: recordsIn - counted.reduce((sum, term) => sum + term.count, 0) };
}
