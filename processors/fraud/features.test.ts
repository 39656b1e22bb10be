import { expect, test } from 'vitest';
import type { Label } from '../../events/label.ts';
import type { Payment } from '../../events/payment.ts';
import { atOnce } from '../../streams/pieces.ts';
import { featureNames } from './feature-names.ts';
import { type FeatureValues, namedFeatures } from './feature-row.ts';
import { Features } from './features.ts';

// The oracle knows all payments and labels folded so far as a plain list, and counts by looking at each. It shares no code.

interface Folded {
  readonly payment: Payment;
  readonly asOfMs: number;
}
interface Known {
  readonly label: Label;
  readonly knownMs: number;
}

const windows = { '1m': 60_000, '10m': 600_000, '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000 };
const day = 86_400_000;
const T0 = Date.UTC(2026, 0, 5);

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 4_294_967_296;
  };
}

type EntityField = 'cardId' | 'deviceId' | 'terminalId';
const entities: readonly (readonly [string, EntityField, EntityField])[] = [
  ['card', 'cardId', 'terminalId'],
  ['device', 'deviceId', 'cardId'],
  ['terminal', 'terminalId', 'cardId'],
];

/** `all` ends with the payment itself. */
function oracle(all: readonly Folded[], labels: readonly Known[]): FeatureValues {
  const self = all.at(-1) as Folded;
  const before = all.slice(0, -1);
  const values: Record<string, number | boolean | null> = {};
  for (const [name, field, otherField] of entities) {
    const id = self.payment[field];
    const own = (list: readonly Folded[]) => list.filter(({ payment }) => payment[field] === id);
    for (const [window, sizeMs] of Object.entries(windows)) {
      const tileMs = sizeMs / 60;
      const fromMs = Math.floor((self.asOfMs - sizeMs) / tileMs) * tileMs;
      const inside = own(all).filter(({ asOfMs }) => asOfMs >= fromMs && asOfMs <= self.asOfMs);
      const same = inside.filter(({ payment }) => payment.currency === self.payment.currency);
      const amounts = same.map(({ payment }) => payment.amountMinor);
      const sum = amounts.reduce((a, b) => a + b, 0);
      const others = new Set(inside.map(({ payment }) => payment[otherField]).filter((other) => other !== undefined));
      const known = id !== undefined;
      values[`${name}_count_${window}`] = known ? inside.length : null;
      values[`${name}_sum_minor_${window}`] = known ? sum : null;
      values[`${name}_mean_minor_${window}`] = known ? sum / amounts.length : null;
      values[`${name}_max_minor_${window}`] = known ? Math.max(...amounts) : null;
      values[`${name}_distinct_${window}`] = known ? others.size : null;
    }
    const last = own(before).at(-1);
    const isUnknown = id === undefined;
    values[`${name}_seconds_since_last`] = isUnknown || !last ? null : Math.max(0, self.asOfMs - last.asOfMs) / 1_000;
    values[`${name}_is_first_seen`] = isUnknown ? null : !last;
  }
  const { cardId, terminalId, deviceId, country, amountMinor, eventTimeMs } = self.payment;
  const ofCard = before.filter(({ payment }) => payment.cardId === cardId);
  const isNew = (field: 'terminalId' | 'deviceId' | 'country', value: string | undefined) =>
    value === undefined ? null : !ofCard.some(({ payment }) => payment[field] === value);
  values['card_is_new_terminal'] = isNew('terminalId', terminalId);
  values['card_is_new_device'] = isNew('deviceId', deviceId);
  values['card_is_new_country'] = isNew('country', country);
  Object.assign(values, travel(ofCard, self));
  for (const days of [7, 28]) {
    const sizeMs = days * day;
    const tileMs = sizeMs / 60;
    const fromMs = Math.floor((self.asOfMs - sizeMs) / tileMs) * tileMs;
    const paid = all.filter(
      (one) => one.payment.terminalId === terminalId && one.asOfMs >= fromMs && one.asOfMs <= self.asOfMs,
    );
    const verdicts = new Map<string, Known>();
    for (const known of labels) if (known.label.terminalId === terminalId) verdicts.set(known.label.paymentId, known);
    const frauds = [...verdicts.values()].filter(
      ({ label, knownMs }) => label.verdict === 'confirmed' && knownMs <= self.asOfMs && knownMs > self.asOfMs - sizeMs,
    );
    values[`terminal_fraud_count_${days}d`] = terminalId === undefined ? null : frauds.length;
    values[`terminal_fraud_share_${days}d`] =
      terminalId === undefined ? null : Math.min(1, frauds.length / paid.length);
  }
  const mean = values['card_mean_minor_7d'] as number;
  values['amount_to_card_mean_7d'] = mean === 0 ? null : amountMinor / mean;
  const at = new Date(eventTimeMs);
  values['hour_of_day'] = at.getUTCHours();
  values['is_weekend'] = [0, 6].includes(at.getUTCDay());
  values['is_night'] = at.getUTCHours() <= 6;
  return values;
}

function travel(ofCard: readonly Folded[], { payment, asOfMs }: Folded): FeatureValues {
  const { latitude, longitude } = payment;
  const from = ofCard.findLast((one) => one.payment.latitude !== undefined);
  if (!from || latitude === undefined || longitude === undefined)
    return { card_km_since_last: null, card_kmh_since_last: null };
  // The spherical law of cosines, by unit vectors.
  const vector = (lat: number, lon: number) => {
    const [a, b] = [(lat * Math.PI) / 180, (lon * Math.PI) / 180];
    return [Math.cos(a) * Math.cos(b), Math.cos(a) * Math.sin(b), Math.sin(a)] as const;
  };
  const u = vector(from.payment.latitude as number, from.payment.longitude as number);
  const v = vector(latitude, longitude);
  const chord = Math.hypot(u[0] - v[0], u[1] - v[1], u[2] - v[2]);
  const km = 2 * 6_371.0088 * Math.asin(chord / 2);
  return { card_km_since_last: km, card_kmh_since_last: km / (Math.max(1_000, asOfMs - from.asOfMs) / 3_600_000) };
}

/** How many of each there are: of few, each gets many payments; of many terminals, a card sees many. */
interface World {
  readonly cards: number;
  readonly terminals: number;
}
const manyCards: World = { cards: 6, terminals: 5 };
const oneCard: World = { cards: 1, terminals: 40 };

function drawnPayment(id: number, atMs: number, draw: () => number, { cards, terminals } = manyCards): Payment {
  const pick = (n: number) => Math.floor(draw() * n);
  const place = draw() < 0.6 ? { latitude: pick(120) - 60, longitude: pick(300) - 150 } : {};
  return {
    ...{ id: `p${id}`, type: 'payment', version: 2, source: 'shop', eventTimeMs: atMs, key: 'k' },
    ...{
      amountMinor: pick(5) === 0 ? 0 : pick(100_000),
      currency: pick(4) === 0 ? 'USD' : 'EUR',
      cardId: `c${pick(cards)}`,
    },
    ...(draw() < 0.8 && { terminalId: `t${pick(terminals)}` }),
    ...(draw() < 0.5 && { deviceId: `d${pick(4)}` }),
    ...(draw() < 0.8 && { country: ['FR', 'DE', 'US'][pick(3)] as string }),
    ...place,
  };
}

function expectSame(actual: FeatureValues, expected: FeatureValues, hint: string): void {
  expect(Object.keys(actual).toSorted(), hint).toEqual(Object.keys(expected).toSorted());
  for (const [name, value] of Object.entries(expected)) {
    const got = actual[name];
    if (typeof value === 'number' && name.startsWith('card_km')) expect(got, `${hint} ${name}`).toBeCloseTo(value, 3);
    else if (!Object.is(got, value)) expect(got, `${hint} ${name}`).toBe(value);
  }
}

/** Steps between payments: seconds to days, so that every window fills, empties and loses tiles. */
const stepMs = (draw: () => number): number => Math.floor(draw() ** 8 * 3 * day + draw() * 20_000);

test('[C13][E3] every feature of 10,000 payments out of order equals a count over the plain list, through restarts', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const draw = random(seed);
    const world = seed % 2 === 0 ? manyCards : oneCard;
    let features = new Features({ keysMax: 100 });
    const all: Folded[] = [];
    const labels: Known[] = [];
    let newestMs = T0;
    let watermarkMs = -Infinity;
    for (let i = 0; i < 250; i++) {
      newestMs += stepMs(draw);
      // Up to 5 s out of order, and now and then late by minutes.
      const atMs = newestMs - Math.floor(draw() * 5_000) - (draw() < 0.05 ? 300_000 : 0);
      if (draw() < 0.15 && all.length > 0) {
        const of = (all[Math.floor(draw() * all.length)] as Folded).payment;
        const label: Label = {
          ...{ id: `l${i}`, type: 'label', version: 1, source: 'desk', eventTimeMs: atMs, key: of.cardId },
          ...{ verdict: draw() < 0.7 ? 'confirmed' : 'refuted', paymentId: of.id, paymentEventTimeMs: of.eventTimeMs },
          ...{ cardId: of.cardId, ...(of.terminalId && { terminalId: of.terminalId }) },
        };
        features.foldLabel(label, watermarkMs);
        labels.push({ label, knownMs: Math.max(atMs, watermarkMs) });
      }
      const one = drawnPayment(i, atMs, draw, world);
      all.push({ payment: one, asOfMs: Math.max(atMs, watermarkMs) });
      expectSame(namedFeatures(features.fold(one, watermarkMs)), oracle(all, labels), `seed ${seed} payment ${i}`);
      watermarkMs = Math.max(watermarkMs, newestMs - 5_000);
      if (i % 50 === 49 && seed % 4 > 1) {
        const saved: unknown = structuredClone(stateOf(features));
        features = new Features({ keysMax: 100 });
        features.restore(saved);
      }
    }
  }
});

/** All of it at once. */
const stateOf = (features: Features) => atOnce(features.beginSnapshot(1_000));

test('[D1] a restart anywhere changes neither features nor state, whatever form the state has inside', () => {
  for (const restartAt of [1, 30, 63, 64, 65, 100, 190]) {
    const draw = random(restartAt);
    const straight = new Features({ keysMax: 100 });
    let restarted = new Features({ keysMax: 100 });
    let newestMs = T0;
    for (let i = 0; i < 200; i++) {
      newestMs += stepMs(draw);
      const one = drawnPayment(i, newestMs - Math.floor(draw() * 5_000), draw, oneCard);
      const watermarkMs = newestMs - 5_000;
      expect(restarted.fold(one, watermarkMs)).toEqual(straight.fold(one, watermarkMs));
      if (i !== restartAt) continue;
      const saved: unknown = structuredClone(stateOf(restarted));
      restarted = new Features({ keysMax: 100 });
      restarted.restore(saved);
    }
    expect(stateOf(restarted)).toEqual(stateOf(straight));
  }
});

test('[D1] a restart loses none of many terminals, whose places their cards have named before in another order', () => {
  const draw = random(5);
  const features = new Features({ keysMax: 2_000 });
  const pay = (i: number, card: string, terminal: object): void => {
    const { terminalId: _, ...drawn } = drawnPayment(i, T0 + i * 1_000, draw);
    features.fold({ ...drawn, ...terminal, key: card, cardId: card }, T0 + (i - 5) * 1_000);
  };
  for (let i = 0; i < 500; i++) pay(i, `card-${i}`, { terminalId: `terminal-${i}` });
  // So the card that is restored first met the terminal that is restored last.
  for (let i = 0; i < 500; i++) pay(500 + i, `card-${499 - i}`, {});
  const restarted = new Features({ keysMax: 2_000 });
  const saved: unknown = structuredClone(stateOf(features));
  restarted.restore(structuredClone(saved));
  expect(stateOf(restarted)).toEqual(saved);
});

test('the names that rules may use are those of the features, in their order', () => {
  const row = new Features({ keysMax: 10 }).fold(drawnPayment(1, T0, random(1)), -Infinity);
  expect(Object.keys(namedFeatures(row))).toEqual(featureNames);
});

test('[E16] a label counts from its own time on, and a refutation takes it away', () => {
  const features = new Features({ keysMax: 10 });
  const draw = random(5);
  const at = (ms: number): Payment => ({ ...drawnPayment(ms, T0 + ms, draw), terminalId: 't' });
  const label = (ms: number, verdict: Label['verdict']): Label => ({
    ...{ id: `l${ms}`, type: 'label', version: 1, source: 'desk', eventTimeMs: T0 + ms, key: 'c', verdict },
    ...{ paymentId: 'p0', paymentEventTimeMs: T0, cardId: 'c', terminalId: 't' },
  });
  const share = (ms: number) => namedFeatures(features.fold(at(ms), -Infinity))['terminal_fraud_share_7d'];
  expect(share(0)).toBe(0);
  features.foldLabel(label(5_000, 'confirmed'), -Infinity);
  expect(share(4_000)).toBe(0);
  expect(share(6_000)).toBe(1 / 3);
  features.foldLabel(label(7_000, 'refuted'), -Infinity);
  expect(share(8_000)).toBe(0);
});

test('[D3] a key beyond the limit is refused before anything is folded, and keys are forgotten after 28 days', () => {
  const features = new Features({ keysMax: 1 });
  const one = (cardId: string, atMs: number): Payment => ({
    ...{ id: `${cardId}${atMs}`, type: 'payment', version: 2, source: 's', eventTimeMs: T0 + atMs, key: cardId },
    ...{ amountMinor: 1, currency: 'EUR', cardId },
  });
  expect(features.hasRoomFor(one('a', 0))).toBe(true);
  features.fold(one('a', 0), -Infinity);
  expect(features.hasRoomFor(one('b', 0))).toBe(false);
  expect(features.hasRoomFor(one('a', 1))).toBe(true);
  features.expire(T0 + 28 * day);
  expect(features.counters()).toMatchObject({ cards: 1, expired: 0 });
  features.expire(T0 + 28 * day + 1);
  expect(features.counters()).toMatchObject({ cards: 0, expired: 1 });
  expect(features.hasRoomFor(one('b', 0))).toBe(true);
});
