// Honest behaviour in the demo shop: a visit (views, clicks, carts, a purchase with its payment) and a payment at a terminal.
import type { Fact, InteractionFact, PaymentFact } from './facts.ts';
import type { Random } from './random.ts';
import type { Terminal, User, World } from './world.ts';

/** Facts of one visit on average, measured over 20,000 visits (a test holds it): what the visit rate is set by. */
export const factsPerVisit = 10.6;

const meanSteps = 6;
const meanPauseMs = 8_000;
/** Nobody looks at more in one visit. */
const stepsMax = 40;

/** Everything that one visitor does, in time order, over about a minute. */
export function visit(world: World, random: Random, user: User, sessionId: string, startMs: number): readonly Fact[] {
  const facts: Fact[] = [];
  const cart: InteractionFact['item'][] = [];
  const taste = random.pick(world.items).category;
  let atMs = startMs;
  const act = (action: InteractionFact['action'], item: InteractionFact['item']) =>
    facts.push({ kind: 'interaction', atMs, action, user, sessionId, item, deviceId: user.deviceId });
  const steps = Math.min(stepsMax, 1 + Math.floor(random.exponential(meanSteps - 0.5)));
  for (let step = 0; step < steps; step++) {
    const item = itemFor(world, random, taste);
    act('view', item);
    atMs += Math.round(random.between(300, 2_000));
    if (random.chance(0.5)) act('click', item);
    if (random.chance(0.12)) {
      act('cart', item);
      cart.push(item);
    }
    atMs += Math.round(random.exponential(meanPauseMs));
  }
  if (cart.length > 0 && random.chance(0.6)) {
    for (const item of cart) act('purchase', item);
    const amountMinor = cart.reduce((sum, item) => sum + item.priceMinor, 0);
    facts.push({
      kind: 'payment',
      atMs,
      cardId: user.cardId,
      terminal: onlineShop(world, user),
      amountMinor,
      deviceId: user.deviceId,
      fraud: null,
    });
  }
  return facts;
}

/** A payment at one of the terminals around, at an hour's usual amount. */
export function terminalPayment(random: Random, user: User, atMs: number): PaymentFact {
  const terminal = random.pick(user.terminals);
  const amountMinor = usualAmount(random, terminal);
  return { kind: 'payment', atMs, cardId: user.cardId, terminal, amountMinor, deviceId: null, fraud: null };
}

/** An amount as others pay there. */
export const usualAmount = (random: Random, terminal: Terminal): number =>
  Math.max(50, Math.round(random.logNormal(terminal.medianMinor, 0.6)));

/** The shop's own till for a country's visitors: one terminal each, always the same. */
export const onlineShop = (world: World, user: User): Terminal =>
  world.terminals.find(({ country }) => country === user.country) ?? (world.terminals[0] as Terminal);

/** Mostly what the visitor came for; popular items far more often. */
function itemFor(world: World, random: Random, taste: string): InteractionFact['item'] {
  for (let attempt = 0; attempt < 3; attempt++) {
    const item = world.items[random.skewed(world.items.length)];
    if (item && (item.category === taste || random.chance(0.2))) return item;
  }
  return random.pick(world.items);
}
