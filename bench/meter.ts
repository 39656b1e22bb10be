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

export class Meter {
  readonly #events: number;
  #start: { readonly cpu: NodeJS.CpuUsage; readonly ms: number } | undefined;
  #half: { readonly cpu: NodeJS.CpuUsage; readonly done: number } | undefined;

  constructor(events: number) {
    this.#events = events;
  }

  /** The first call counts. */
  begin(): void {
    this.#start ??= { cpu: process.cpuUsage(), ms: performance.now() };
  }

  /** So many events are done. */
  done(soFar: number): void {
    if (soFar >= this.#events / 2) this.#half ??= { cpu: process.cpuUsage(), done: soFar };
  }

  /** `events`: how many there were, where that was not known before. */
  end(events = this.#events): Measured {
    const cpuSeconds = secondsOf(process.cpuUsage(this.#start?.cpu));
    const half = this.#half ?? { cpu: this.#start?.cpu, done: 0 };
    return {
      events,
      wallSeconds: rounded((performance.now() - (this.#start?.ms ?? 0)) / 1_000),
      cpuSeconds: rounded(cpuSeconds),
      eventsPerCpuSecond: Math.round(events / cpuSeconds),
      eventsPerCpuSecondSecondHalf: Math.round((events - half.done) / secondsOf(process.cpuUsage(half.cpu))),
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
