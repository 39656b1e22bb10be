import { readFile, readdir } from 'node:fs/promises';

export interface ProcessUsage {
  /** Its last argument's file, e.g. `clickhouse-child.ts`. */
  readonly name: string;
  /** User and system. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** Kernel ticks a second and bytes a page: fixed on every Linux that Node runs on (x86-64, arm64 with 4 KiB pages). */
const ticksPerSecond = 100;
const pageBytes = 4_096;

/** A process and all that it started, by process id; empty where there is no /proc. */
export async function usageOfTree(rootPid: number): Promise<ReadonlyMap<number, ProcessUsage>> {
  const pids = (await readdir('/proc').catch(() => [])).map(Number).filter((pid) => pid > 0);
  const stats = (await Promise.all(pids.map(statOf))).filter((stat) => stat !== null);
  const wanted = new Set([rootPid]);
  // Children have been started after their parents, but numbers wrap: look until nothing is added.
  for (let before = 0; before !== wanted.size;) {
    before = wanted.size;
    for (const { pid, parentPid } of stats) if (wanted.has(parentPid)) wanted.add(pid);
  }
  return new Map(stats.filter(({ pid }) => wanted.has(pid)).map(({ pid, usage }) => [pid, usage]));
}

async function statOf(pid: number) {
  try {
    const [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    // proc(5): the name is in brackets and may hold anything; the fields after it are counted from `state`, the third.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const cpuSeconds = ((fields[11] ?? 0) + (fields[12] ?? 0)) / ticksPerSecond;
    const words = commandLine.split('\0').filter(Boolean);
    const name = words.findLast((word) => /\.m?[jt]s$/.test(word))?.replace(/^.*\//, '') ?? words[0] ?? String(pid);
    return { pid, parentPid: fields[1] ?? 0, usage: { name, cpuSeconds, rssBytes: (fields[21] ?? 0) * pageBytes } };
  } catch {
    return null;
  }
}
