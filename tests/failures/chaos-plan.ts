import { fraction } from '../crash/fraction.ts';

export const faultKinds = [
  'broker-sigterm',
  'broker-sigkill',
  'broker-absent',
  'instance-stopped',
  'instance-killed',
  'instance-leaves',
  'instance-drains',
  'guest-joins',
  'bytes-dropped',
  'clickhouse-killed',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What is broken: one thing has one fault at a time, several things may have theirs at once. */
export type Victim = 'broker' | 'network' | 'clickhouse' | 'guest' | `instance-${number}`;

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly victim: Victim;
  /** From the start. */
  readonly atMs: number;
  readonly lastsMs: number;
  /** A number in [0, 1) of its own. */
  readonly chance: number;
}

/** How long what is broken stays so. */
const lastsMs: Readonly<Record<FaultKind, readonly [least: number, most: number]>> = {
  'broker-sigterm': [500, 3_000],
  'broker-sigkill': [500, 3_000],
  'broker-absent': [8_000, 20_000],
  // The session time-out is 2 s.
  'instance-stopped': [1_000, 8_000],
  'instance-killed': [0, 4_000],
  'instance-leaves': [3_000, 8_000],
  'instance-drains': [0, 0],
  'guest-joins': [2_000, 8_000],
  'bytes-dropped': [2_000, 15_000],
  'clickhouse-killed': [0, 0],
};
const gapMs = [500, 9_000] as const;

/** What goes wrong and when: the same for the same seed. Every kind once before any comes again. */
export function chaosPlan(seed: number, forMs: number, instances: number): readonly PlannedFault[] {
  const plan: PlannedFault[] = [];
  // Neighbouring seeds of `fraction` give one sequence, shifted: ours begins far from theirs.
  const base = Math.floor(fraction(seed, 3_000_000) * 2 ** 31);
  let drawn = 0;
  const next = (): number => fraction(base, drawn++);
  const between = ([least, most]: readonly [number, number]): number => Math.round(least + (most - least) * next());
  let deck: FaultKind[] = [];
  for (let atMs = between(gapMs); atMs < forMs; atMs += between(gapMs)) {
    if (deck.length === 0) deck = [...faultKinds];
    const [kind = 'instance-killed'] = deck.splice(Math.floor(next() * deck.length), 1);
    const victim = victimOf(kind, Math.floor(next() * instances));
    plan.push({ kind, victim, atMs, lastsMs: between(lastsMs[kind]), chance: next() });
  }
  return plan;
}

function victimOf(kind: FaultKind, instance: number): Victim {
  switch (kind) {
    case 'broker-sigterm':
    case 'broker-sigkill':
    case 'broker-absent':
      return 'broker';
    case 'bytes-dropped':
      return 'network';
    case 'clickhouse-killed':
      return 'clickhouse';
    case 'guest-joins':
      return 'guest';
    case 'instance-stopped':
    case 'instance-killed':
    case 'instance-leaves':
    case 'instance-drains':
      return `instance-${instance}`;
  }
}
