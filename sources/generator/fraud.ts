// The five fraud patterns of the demo, each as the payments (and visits) of one episode. Every fraudulent payment says so in its fact,
// never in its event: only the label that comes later tells. Facts, not messages: nothing here is redelivered.
// Drawn from the shop and the randomness handed in, so that the same seed gives the same fraud.
import type { Fact, FraudPattern, PaymentFact } from './facts.ts';
import type { Random } from './random.ts';
import { onlineShop, terminalPayment, usualAmount } from './shopping.ts';
import type { Terminal, User, World } from './world.ts';

export interface Episode {
  readonly world: World;
  readonly random: Random;
  readonly startMs: number;
  /** A text that no other episode has: new devices are named by it. */
  readonly name: string;
}

/** Facts of one episode on average (a test holds it): what the episode rate is set by. */
export const factsPerEpisode = 7.6;

const patterns: Readonly<Record<FraudPattern, (episode: Episode) => readonly Fact[]>> = {
  'card-testing': cardTesting,
  'account-takeover': accountTakeover,
  'impossible-travel': impossibleTravel,
  'stolen-card-amounts': stolenCardAmounts,
  'compromised-terminal': compromisedTerminal,
};

/** One episode of a pattern drawn at random; not in time order. */
export const fraudEpisode = (episode: Episode): readonly Fact[] =>
  patterns[episode.random.pick(Object.keys(patterns) as FraudPattern[])](episode);

/** Many tiny payments from one new device over half a minute, to find out whether the card works; then a large one. */
function cardTesting({ world, random, startMs, name }: Episode): readonly Fact[] {
  const user = random.pick(world.users);
  const deviceId = `device-${name}`;
  const tries = 8 + random.int(6);
  const pay = (atMs: number, amountMinor: number) =>
    fraud('card-testing', { atMs, cardId: user.cardId, terminal: onlineShop(world, user), amountMinor, deviceId });
  const small = Array.from({ length: tries }, (_, i) =>
    pay(startMs + i * 2_500 + random.int(1_500), 50 + random.int(150)),
  );
  return [...small, pay(startMs + tries * 2_500 + 8_000, 20_000 + random.int(40_000))];
}

/** The user's account from a device never seen before: straight to the goods, then two to four large payments. */
function accountTakeover({ world, random, startMs, name }: Episode): readonly Fact[] {
  const user = random.pick(world.users);
  const deviceId = `device-${name}`;
  const count = 2 + random.int(3);
  return Array.from({ length: count }).flatMap((_, i): Fact[] => {
    const atMs = startMs + i * 20_000 + random.int(5_000);
    const item = random.pick(world.items);
    const amountMinor = 15_000 + random.int(50_000);
    return [
      { kind: 'interaction', atMs: atMs - 2_000, action: 'cart', user, sessionId: `s-${name}`, item, deviceId },
      fraud('account-takeover', {
        atMs,
        cardId: user.cardId,
        terminal: onlineShop(world, user),
        amountMinor,
        deviceId,
      }),
    ];
  });
}

/** The card at home, and minutes later at terminals in a far country. */
function impossibleTravel({ world, random, startMs }: Episode): readonly Fact[] {
  const user = random.pick(world.users);
  const far = world.terminals.filter((terminal) => isFar(terminal, user));
  const abroad = Array.from({ length: 2 + random.int(2) }, (_, i) => {
    const terminal = random.pick(far);
    const atMs = startMs + 120_000 + i * 45_000 + random.int(20_000);
    return fraud('impossible-travel', {
      atMs,
      cardId: user.cardId,
      terminal,
      amountMinor: usualAmount(random, terminal),
      deviceId: null,
    });
  });
  return [terminalPayment(random, user, startMs), ...abroad];
}

/** A card at usual places, for five to ten times the usual amounts. */
function stolenCardAmounts({ world, random, startMs }: Episode): readonly Fact[] {
  const user = random.pick(world.users);
  return Array.from({ length: 3 + random.int(4) }, (_, i) => {
    const terminal = random.pick(user.terminals);
    const amountMinor = Math.round(usualAmount(random, terminal) * random.between(5, 10));
    const atMs = startMs + i * 30_000 + random.int(15_000);
    return fraud('stolen-card-amounts', { atMs, cardId: user.cardId, terminal, amountMinor, deviceId: null });
  });
}

/** One terminal in the wrong hands: for two minutes whatever is paid there is fraud, at unsuspicious amounts. */
function compromisedTerminal({ world, random, startMs }: Episode): readonly Fact[] {
  const terminal = random.pick(world.terminals);
  return Array.from({ length: 8 + random.int(8) }, () => {
    const { cardId } = random.pick(world.users);
    const amountMinor = usualAmount(random, terminal);
    return fraud('compromised-terminal', {
      atMs: startMs + random.int(120_000),
      cardId,
      terminal,
      amountMinor,
      deviceId: null,
    });
  });
}

const isFar = ({ country }: Terminal, user: User): boolean =>
  Math.abs(country.longitude - user.country.longitude) + Math.abs(country.latitude - user.country.latitude) > 10;

const fraud = (pattern: FraudPattern, payment: Omit<PaymentFact, 'kind' | 'fraud'>): PaymentFact => ({
  kind: 'payment',
  fraud: pattern,
  ...payment,
});
