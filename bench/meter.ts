// What every measured process says of itself, from its first record on: CPU of all its threads, wall, events per CPU-second, memory.
import { readFileSync } from 'node:fs';

export interface Measured {
  readonly events: number;
  readonly wallSeconds: number;
  /** User and system. */
  readonly cpuSeconds: number;
  readonly eventsPerCpuSecond: number;
  /** Without the warm-up. */
  readonly eventsPerCpuSecondSecondHalf: number;
  readonly peakRssMb: number;
  readonly node: string;
}

/** What the line of every benchmark says; the rest of it is its own. */
export interface BenchResult extends Omit<Measured, 'eventsPerCpuSecondSecondHalf'> {
  readonly bench: string;
  /** Null: without a broker. */
  readonly broker: string | null;
  /** Null where a run has no halves. */
  readonly eventsPerCpuSecondSecondHalf: number | null;
  /** Of rates or times of this run. */
  readonly ratios: Readonly<Record<string, unknown>>;
}

/** Several runs, one after the other, as one. */
export function together(runs: readonly Measured[]): Measured {
  const sum = (of: (one: Measured) => number): number => rounded(runs.reduce((all, one) => all + of(one), 0));
  const [events, cpuSeconds] = [sum((one) => one.events), sum((one) => one.cpuSeconds)];
  const secondHalfSeconds = sum((one) => one.events / 2 / one.eventsPerCpuSecondSecondHalf);
  return {
    ...{ events, cpuSeconds, wallSeconds: sum((one) => one.wallSeconds) },
    eventsPerCpuSecond: Math.round(events / cpuSeconds),
    eventsPerCpuSecondSecondHalf: Math.round(events / 2 / secondHalfSeconds),
    peakRssMb: Math.max(...runs.map((one) => one.peakRssMb)),
    node: process.version,
  };
}

/** Events `from` to `to` of a run. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

interface Mark {
  readonly cpu: NodeJS.CpuUsage;
  readonly done: number;
}

const sinceNothing: NodeJS.CpuUsage = { user: 0, system: 0 };

export class Meter {
  readonly #events: number;
  readonly #part: Part;
  #start: { readonly cpu: NodeJS.CpuUsage; readonly ms: number } | undefined;
  #from: Mark | undefined;
  #to: Mark | undefined;

  /** `part`: what counts as the second half; it ends when the run does unless it is told to end before. */
  constructor(events: number, part: Part = { from: events / 2, to: Infinity }) {
    this.#events = events;
    this.#part = part;
  }

  /** The first call counts. */
  begin(): void {
    this.#start ??= { cpu: process.cpuUsage(), ms: performance.now() };
  }

  /** So many events are done. */
  done(soFar: number): void {
    if (soFar >= this.#part.from) this.#from ??= { cpu: process.cpuUsage(), done: soFar };
    if (soFar >= this.#part.to) this.#to ??= { cpu: process.cpuUsage(), done: soFar };
  }

  /** What is done now is of the second half. */
  get isInSecondHalf(): boolean {
    return this.#from !== undefined && this.#to === undefined;
  }

  /** `events`: how many there were, where that was not known before. */
  end(events = this.#events): Measured {
    const to = this.#to ?? { cpu: process.cpuUsage(), done: events };
    const from = this.#from ?? { cpu: this.#start?.cpu ?? sinceNothing, done: 0 };
    const cpuSeconds = secondsOf(process.cpuUsage(this.#start?.cpu));
    return {
      events,
      wallSeconds: rounded((performance.now() - (this.#start?.ms ?? 0)) / 1_000),
      cpuSeconds: rounded(cpuSeconds),
      eventsPerCpuSecond: Math.round(events / cpuSeconds),
      eventsPerCpuSecondSecondHalf: Math.round((to.done - from.done) / (secondsOf(to.cpu) - secondsOf(from.cpu))),
      ...{ peakRssMb: peakRssMb(), node: process.version },
    };
  }
}

/** The highest resident memory of this process so far; NaN where there is no /proc. */
export function peakRssMb(): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1_024);
  } catch {
    return Number.NaN;
  }
}

export const secondsOf = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6;

export const rounded = (value: number, digits = 2): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** Percentiles of values, nearest rank. */
export function percentiles(values: readonly number[]) {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN, 3);
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), count: sorted.length };
}
