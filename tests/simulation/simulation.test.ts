import { describe, expect, it } from 'vitest';
import { mutants } from './mutants.ts';
import { simulate } from './run.ts';
import type { SimulationResult } from './run.ts';
import type { SimulationOptions } from './world.ts';

/** What a seed decides beside the faults. */
const optionsOf = (seed: number): SimulationOptions => ({
  seed,
  kind: seed % 2 === 0 ? 'group' : 'solo',
  processes: 2 + (Math.floor(seed / 2) % 2),
  depth: 1 + (seed % 4),
  shards: seed % 5 === 0 ? 2 : 1,
  chaosMs: 3_000,
});

const seeds = Number(process.env['MILLRACE_SIMULATION_SEEDS'] ?? 200);
const firstSeed = Number(process.env['MILLRACE_SIMULATION_FIRST'] ?? 1);

describe('tasks under a simulated Kafka', () => {
  it(
    `agree with the log at every order offset and with the oracle in the end, seeds ${firstSeed} to ${firstSeed + seeds - 1}`,
    { timeout: 600_000 },
    async () => {
      const faults: Record<string, number> = {};
      const wrong: string[] = [];
      let [claims, ignored, snapshots] = [0, 0, 0];
      for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
        const result: SimulationResult = await simulate(optionsOf(seed));
        for (const fault of result.wrong) wrong.push(`seed ${seed}: ${fault}`);
        for (const [kind, times] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + times;
        claims += result.claims;
        ignored += result.ignored;
        snapshots += result.snapshots;
      }
      expect(wrong).toEqual([]);
      const kinds = [
        'crash',
        'pause',
        'clock',
        'lost_before',
        'lost_after',
        'late',
        'output_lost',
        'rebalance',
        'disk_full',
        'rot',
        'unavailable',
      ];
      for (const kind of kinds) expect(faults[kind] ?? 0, kind).toBeGreaterThan(0);
      expect(claims).toBeGreaterThan(2 * seeds);
      expect(ignored).toBeGreaterThan(2 * seeds);
      expect(snapshots).toBeGreaterThan(seeds);
    },
  );

  it.each(Object.entries(mutants))('notice when %s', { timeout: 120_000 }, async (_name, mutant) => {
    for (let seed = 1; seed <= 60; seed++) {
      const { wrong } = await simulate({ ...optionsOf(seed), depth: 4, shards: 1, mutant });
      if (wrong.length > 0) return;
    }
    expect.fail('60 seeds did not notice');
  });

  it('gives the same run for the same seed', async () => {
    expect(await simulate(optionsOf(7))).toEqual(await simulate(optionsOf(7)));
  });
});
