import type { PipelineView, ProblemCounts, SystemView } from './model.ts';

/** The pipeline whose event time the Overview shows. */
export function revenuePipeline(system: SystemView | null): PipelineView | null {
  return system?.pipelines.find((pipeline) => pipeline.name === 'revenue') ?? system?.pipelines[0] ?? null;
}

/** What all pipelines set aside, added up; null before the first status. */
export function problemCounts(system: SystemView | null): ProblemCounts | null {
  if (!system) return null;
  const total = (name: string): number =>
    system.pipelines.reduce((sum, pipeline) => sum + (pipeline.counters[name] ?? 0), 0);
  return {
    deadLettered: total('deadLettered'),
    late: total('late'),
    duplicate: total('duplicate'),
    quarantined: total('quarantined'),
  };
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

const terms = [
  ['folded', 'folded'],
  ['duplicate', 'duplicate'],
  ['late', 'late'],
  ['dead-lettered', 'deadLettered'],
  ['quarantined', 'quarantined'],
  ['ignored', 'ignored'],
] as const;

/** The identity as a pipeline's counters state it. */
export function countIdentity(counters: Readonly<Record<string, number>>): CountIdentity {
  const counted = terms.map(([name, key]) => ({ name, count: counters[key] ?? 0 }));
  const recordsIn = counters['in'] ?? 0;
  return { recordsIn, terms: counted, difference: recordsIn - counted.reduce((sum, term) => sum + term.count, 0) };
}
