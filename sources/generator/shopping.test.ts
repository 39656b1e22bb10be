import { describe, expect, it } from 'vitest';
import { factsPerEpisode, fraudEpisode } from './fraud.ts';
import { createRandom } from './random.ts';
import { factsPerVisit, visit } from './shopping.ts';
import { createWorld } from './world.ts';

describe('the demo shop', () => {
  const world = createWorld(createRandom(1));
  const random = createRandom(2);
  const mean = (count: number, facts: (i: number) => number) =>
    Array.from({ length: count }, (_, i) => facts(i)).reduce((sum, n) => sum + n, 0) / count;

  it('makes as many facts a visit and a fraud episode as their rates are set by', () => {
    expect(mean(20_000, () => visit(world, random, random.pick(world.users), 's', 0).length)).toBeCloseTo(
      factsPerVisit,
      0,
    );
    const episode = (i: number) => fraudEpisode({ world, random, startMs: 0, name: String(i) }).length;
    expect(mean(5_000, episode)).toBeCloseTo(factsPerEpisode, 0);
  });

  it('has users with terminals around them in every country', () => {
    for (const user of world.users) expect(user.terminals.every(({ country }) => country === user.country)).toBe(true);
    expect(new Set(world.users.map(({ country }) => country.code)).size).toBe(8);
  });
});
