import { findMutant } from './mutants.ts';
import { simulate } from './run.ts';
import { mutantOptionsOf, optionsOf } from './seeds.ts';

/** A child process of `main.ts`: runs the seeds that it is sent, and answers with what came of them. */
export interface Chunk {
  readonly first: number;
  readonly seeds: number;
  readonly mutant: string | null;
}

export interface ChunkDone {
  readonly seeds: number;
  readonly wrong: readonly { readonly seed: number; readonly faults: readonly string[] }[];
  readonly faults: Readonly<Record<string, number>>;
}

async function runChunk({ first, seeds, mutant }: Chunk): Promise<ChunkDone> {
  const broken = mutant === null ? undefined : findMutant(mutant)?.[1];
  const wrong = [];
  const faults: Record<string, number> = {};
  for (let seed = first; seed < first + seeds; seed++) {
    const result = await simulate(broken ? mutantOptionsOf(seed, broken) : optionsOf(seed));
    if (result.wrong.length > 0) wrong.push({ seed, faults: result.wrong });
    for (const [kind, times] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + times;
    if (broken && wrong.length > 0) return { seeds: seed - first + 1, wrong, faults };
  }
  return { seeds, wrong, faults };
}

process.on('message', (chunk: Chunk) => {
  void runChunk(chunk).then((done) => process.send?.(done));
});
