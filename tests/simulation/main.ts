import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../telemetry/clock.ts';
import { readFlags } from '../verify-flags.ts';
import { findMutant, mutants } from './mutants.ts';
import { faultKinds } from './seeds.ts';
import type { Chunk, ChunkDone } from './worker.ts';

/**
 * `npm run simulate -- [--seeds N] [--first K] [--processes P] [--mutant M]`: the last line is one JSON object. Exit code 0:
 * nothing wrong; 1: a seed found something (with a mutant that is what ought to happen); 2: a wrong option.
 */
const chunkSeeds = 20;
const seedsDefault = 10_000;
const mutantSeedsDefault = 100;
/** Of each kind of fault, over 10,000 seeds: fewer, and the simulation has stopped testing something. */
const faultsMin = 100;
const faultsMinSeeds = 10_000;

interface Options {
  readonly first: number;
  readonly seeds: number;
  readonly processes: number;
  readonly mutant: string | null;
}

const fail = (message: string): never => {
  console.error(message);
  return process.exit(2);
};

function readOptions(): Options {
  const values = readFlags('simulate', {
    seeds: ['N', `how many (default ${seedsDefault}, with a mutant ${mutantSeedsDefault})`],
    first: ['K', 'the first of them', '1'],
    processes: ['P', 'side by side', '2'],
    mutant: ['M', 'by name or number: a fault that is put in, to be found'],
  });
  const number = (name: 'seeds' | 'first' | 'processes', text: string): number => {
    const value = Number(text);
    return Number.isSafeInteger(value) && value > 0 ? value : fail(`--${name}: a whole number above 0 is needed`);
  };
  const mutant = values.mutant === '' ? null : findMutant(values.mutant);
  if (mutant === undefined) {
    const known = mutants.map(([name], i) => `${i + 1} ${name}`).join('\n  ');
    fail(`unknown mutant ${values.mutant}; there are\n  ${known}`);
  }
  return {
    first: number('first', values.first),
    seeds: number('seeds', values.seeds || String(mutant ? mutantSeedsDefault : seedsDefault)),
    processes: number('processes', values.processes),
    mutant: mutant?.[0] ?? null,
  };
}

interface Totals {
  seeds: number;
  wrong: number;
  readonly faults: Record<string, number>;
}

/** Hands out chunks of seeds to child processes until there are no more, or, with a mutant, until it is noticed. */
async function runAll(options: Options): Promise<Totals> {
  const totals: Totals = { seeds: 0, wrong: 0, faults: Object.fromEntries(faultKinds.map((kind) => [kind, 0])) };
  let next = options.first;
  const end = options.first + options.seeds;
  const nextChunk = (): Chunk | null => {
    if (next >= end || (options.mutant !== null && totals.wrong > 0)) return null;
    const chunk = { first: next, seeds: Math.min(chunkSeeds, end - next), mutant: options.mutant };
    next += chunk.seeds;
    return chunk;
  };
  const runChild = async (): Promise<void> => {
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)));
    for (let chunk = nextChunk(); chunk; chunk = nextChunk()) note(options, totals, await runChunk(child, chunk));
    child.disconnect();
  };
  await Promise.all(Array.from({ length: options.processes }, runChild));
  return totals;
}

function runChunk(child: ChildProcess, chunk: Chunk): Promise<ChunkDone> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error(`seeds ${chunk.first} and ${chunk.seeds - 1} more: the process died`));
    child.once('exit', onExit);
    child.once('message', (done: ChunkDone) => {
      child.off('exit', onExit);
      resolve(done);
    });
    child.send(chunk);
  });
}

function note({ mutant, seeds }: Options, totals: Totals, done: ChunkDone): void {
  totals.seeds += done.seeds;
  totals.wrong += done.wrong.length;
  for (const [kind, times] of Object.entries(done.faults)) totals.faults[kind] = (totals.faults[kind] ?? 0) + times;
  for (const { seed, faults } of done.wrong) {
    const again = mutant === null ? '' : ` --mutant '${mutant}'`;
    console.log(`seed ${seed}: ${faults.join('\n  ')}`);
    console.log(`  again: npm run simulate -- --processes 1 --seeds 1 --first ${seed}${again}`);
  }
  if (totals.seeds % 1_000 === 0 && totals.seeds < seeds) console.log(`${totals.seeds} seeds, ${totals.wrong} wrong`);
}

const options = readOptions();
const startedMs = systemClock.nowMs();
const { seeds, wrong, faults } = await runAll(options);
const rare = Object.keys(faults).filter((kind) => seeds >= faultsMinSeeds && (faults[kind] ?? 0) < faultsMin);
if (options.mutant !== null) console.log(`${options.mutant}: ${wrong > 0 ? 'noticed' : 'NOT noticed'}`);
else if (rare.length > 0) console.log(`fewer than ${faultsMin} of: ${rare.join(', ')}`);
console.log(`${((systemClock.nowMs() - startedMs) / 1_000).toFixed(0)} s`);
console.log(JSON.stringify({ seeds, wrong, ...(options.mutant && { mutant: options.mutant }), faults }));
process.exitCode = wrong > 0 || (options.mutant === null && rare.length > 0) ? 1 : 0;
