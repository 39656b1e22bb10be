import { describe, expect, it } from 'vitest';
import { mutants } from './mutants.ts';
import { simulate } from './run.ts';
import { faultKinds, firstCaught, optionsOf } from './seeds.ts';

const seeds = 300;

describe('millrace in a simulated world', () => {
  it(`[D1] [D6] [C16] stores what the oracle says, seeds 1 to ${seeds}`, { timeout: 900_000 }, async () => {
    const faults: Record<string, number> = {};
    const wrong: string[] = [];
    let [claims, ignored, snapshots, rows] = [0, 0, 0, 0];
    for (let seed = 1; seed <= seeds; seed++) {
      const result = await simulate(optionsOf(seed));
      for (const fault of result.wrong) wrong.push(`seed ${seed}: ${fault}`);
      for (const [kind, times] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + times;
      claims += result.claims;
      ignored += result.ignored;
      snapshots += result.snapshots;
      rows += result.rows;
    }
    expect(wrong).toEqual([]);
    for (const kind of faultKinds) expect(faults[kind] ?? 0, kind).toBeGreaterThan(0);
    expect(Object.keys(faults).filter((kind) => !faultKinds.includes(kind))).toEqual([]);
    expect(claims).toBeGreaterThan(2 * seeds);
    expect(ignored).toBeGreaterThan(2 * seeds);
    expect(snapshots).toBeGreaterThan(seeds);
    expect(rows).toBeGreaterThan(50 * seeds);
  });

  it.each(mutants)('notices when %s', { timeout: 300_000 }, async (_name, mutant) => {
    expect(await firstCaught(mutant, 1, 100)).not.toBeNull();
  });

  it('gives the same run for the same seed', async () => {
    expect(await simulate(optionsOf(7))).toEqual(await simulate(optionsOf(7)));
  });
});
