// What begins in the demo shop in a short span of time: visits, payments at terminals, fraud episodes, as many as rate and season
// say on average. Pure but for the randomness handed in; it sends nothing itself, so nothing is redelivered.
// What it begins may go on for minutes: later facts of a visit or an episode have later times.
import type { Fact } from './facts.ts';
import { factsPerEpisode, fraudEpisode } from './fraud.ts';
import type { Random } from './random.ts';
import { seasonFactor } from './season.ts';
import { factsPerVisit, terminalPayment, visit } from './shopping.ts';
import type { World } from './world.ts';

export interface ArrivalsOptions {
  readonly world: World;
  readonly random: Random;
  /** Events a second over all topics, on average over a week. */
  readonly ratePerSecond: number;
  /** A text that no other call gives. */
  readonly nextName: () => string;
}

/** What events are made of, as parts of the rate; labels come on top of what they are about. */
const mix = { visits: 0.55, fraud: 0.008 } as const;

/** All facts of everything that begins in [fromMs, fromMs + lengthMs), not in time order. */
export function arrivals(options: ArrivalsOptions, fromMs: number, lengthMs: number): readonly Fact[] {
  const { world, random, ratePerSecond, nextName } = options;
  const events = (ratePerSecond * seasonFactor(fromMs) * lengthMs) / 1_000;
  const somewhen = () => Math.floor(random.between(fromMs, fromMs + lengthMs));
  const facts: Fact[] = [];
  for (let i = random.poisson((events * mix.visits) / factsPerVisit); i > 0; i--)
    facts.push(...visit(world, random, random.pick(world.visitors), `s-${nextName()}`, somewhen()));
  for (let i = random.poisson(events * (1 - mix.visits - mix.fraud)); i > 0; i--)
    facts.push(terminalPayment(random, random.pick(world.users), somewhen()));
  for (let i = random.poisson((events * mix.fraud) / factsPerEpisode); i > 0; i--)
    facts.push(...fraudEpisode({ world, random, startMs: somewhen(), name: nextName() }));
  return facts;
}
