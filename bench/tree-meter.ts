// What a whole millrace costs while a benchmark looks: CPU and memory of the processes that it was started as, and of all that they started.
import { type Measured, rounded } from './meter.ts';
import { usageOfTree } from './process-tree.ts';

const everyMs = 1_000;

/** Linux only: it reads /proc. */
export class TreeMeter {
  readonly #pids: readonly number[];
  readonly #startedMs = performance.now();
  readonly #watching: NodeJS.Timeout;
  readonly #samples: { readonly atMs: number; readonly cpuSeconds: number }[] = [];
  #peakBytes = 0;

  private constructor(pids: readonly number[]) {
    this.#pids = pids;
    this.#watching = setInterval(() => void this.#look(), everyMs);
  }

  static async begin(pids: readonly (number | undefined)[]): Promise<TreeMeter> {
    const meter = new TreeMeter(pids.filter((pid) => pid !== undefined));
    await meter.#look();
    return meter;
  }

  /** So many events came at a steady rate since it began: half of them in half of the time. */
  async end(events: number): Promise<Measured> {
    clearInterval(this.#watching);
    await this.#look();
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    const atMs = ((first?.atMs ?? 0) + (last?.atMs ?? 0)) / 2;
    const half = this.#samples.find((sample) => sample.atMs >= atMs);
    const cpuSeconds = (last?.cpuSeconds ?? Number.NaN) - (first?.cpuSeconds ?? 0);
    const secondHalfSeconds = (last?.cpuSeconds ?? Number.NaN) - (half?.cpuSeconds ?? 0);
    const secondHalfShare = ((last?.atMs ?? 0) - (half?.atMs ?? 0)) / ((last?.atMs ?? 0) - (first?.atMs ?? 0));
    return {
      events,
      wallSeconds: rounded((performance.now() - this.#startedMs) / 1_000),
      cpuSeconds: rounded(cpuSeconds),
      eventsPerCpuSecond: Math.round(events / cpuSeconds),
      eventsPerCpuSecondSecondHalf: Math.round((events * secondHalfShare) / secondHalfSeconds),
      ...{ peakRssMb: Math.round(this.#peakBytes / 1e6), node: process.version },
    };
  }

  async #look(): Promise<void> {
    const trees = await Promise.all(this.#pids.map((pid) => usageOfTree(pid)));
    const all = trees.flatMap((tree) => [...tree.values()]);
    const cpuSeconds = all.reduce((sum, one) => sum + one.cpuSeconds, 0);
    const bytes = all.reduce((sum, one) => sum + one.rssBytes, 0);
    this.#samples.push({ atMs: performance.now(), cpuSeconds });
    this.#peakBytes = Math.max(this.#peakBytes, bytes);
  }
}
