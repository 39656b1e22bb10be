import type { TopicPartitionName } from '../sources/source.ts';
import type { OrderRange } from './contract.ts';
import type { Cursor, PlannedRange } from './cursor.ts';
import type { JudgeState } from './judge.ts';

/**
 * Chooses what is ordered next: always the partition furthest behind in event time, so that catching up interleaves as
 * live did. It is free to choose anything; only what is logged counts.
 */
export interface Chooser {
  /** Ranges continuing `planned`, which may run ahead of what is folded; empty when there is nothing to order now. */
  choose(planned: JudgeState, nowMs: number): readonly OrderRange[];
  /** How long until a held-back partition is let go, or Infinity. */
  waitMs(nowMs: number): number;
}

export interface ChooserOptions {
  readonly cursors: () => ReadonlyMap<TopicPartitionName, Cursor>;
  /** Highest event time folded of a partition, or −Infinity. */
  readonly partitionTimeMs: (partition: TopicPartitionName) => number;
  readonly entryRecordsMax: number;
  readonly entryBytesMax: number;
  /** How long others wait for a partition that is further behind, not at its end, and has nothing here. */
  readonly starvedWaitMs: number;
}

/** Others run ahead of a starved partition by this much without waiting: less than any window cares about. */
const slackMs = 1_000;
/** A partition's share of an entry before the next choice. */
const chunksPerEntry = 8;

interface Candidate {
  readonly name: TopicPartitionName;
  readonly cursor: Cursor;
  plannedTo: bigint;
  range: PlannedRange | null;
  timeMs: number;
}

export function createChooser(options: ChooserOptions): Chooser {
  const pace = createPace();
  const starvedSince = new Map<TopicPartitionName, number>();
  const chunk = Math.max(64, Math.floor(options.entryRecordsMax / chunksPerEntry));
  let releaseAtMs = Infinity;

  const candidateOf = (name: TopicPartitionName, cursor: Cursor, from: string): Candidate => {
    const foldedMs = options.partitionTimeMs(name);
    const plannedTo = BigInt(from);
    pace.observe(name, cursor.position(), foldedMs);
    const timeMs = foldedMs + Number(plannedTo - cursor.position()) * pace.msPerRecord(name);
    return { name, cursor, plannedTo, range: null, timeMs };
  };
  /** The event time beyond which nobody may go now, because of partitions that lack data for a moment. */
  const holdFrom = (candidates: readonly Candidate[], nowMs: number): number => {
    let hold = Infinity;
    releaseAtMs = Infinity;
    for (const { name, cursor, plannedTo, timeMs } of candidates) {
      const isStarved = isBeforeEnd(cursor, plannedTo) && !cursor.peek(plannedTo, 1, 1) && !cursor.failure();
      if (!isStarved) {
        starvedSince.delete(name);
        continue;
      }
      const sinceMs = starvedSince.get(name) ?? nowMs;
      starvedSince.set(name, sinceMs);
      if (nowMs - sinceMs >= options.starvedWaitMs) continue;
      hold = Math.min(hold, timeMs + slackMs);
      releaseAtMs = Math.min(releaseAtMs, sinceMs + options.starvedWaitMs);
    }
    return hold;
  };
  /** Takes one more chunk of a partition into the entry; false when it has no more. */
  const extend = (candidate: Candidate, recordsLeft: number, bytesLeft: number): boolean => {
    const { name, cursor, plannedTo, range } = candidate;
    const records = Math.min(chunk, recordsLeft) + (range?.count ?? 0);
    const longer = cursor.peek(range?.from ?? plannedTo, records, bytesLeft + (range?.bytes ?? 0));
    if (!longer || longer.to === range?.to) return false;
    candidate.timeMs += (longer.count - (range?.count ?? 0)) * pace.msPerRecord(name);
    candidate.range = longer;
    return true;
  };

  return {
    choose(planned, nowMs) {
      const candidates: Candidate[] = [];
      for (const [name, cursor] of options.cursors()) {
        const from = planned.positions[name];
        if (from !== undefined) candidates.push(candidateOf(name, cursor, from));
      }
      let hold = holdFrom(candidates, nowMs);
      let open = candidates.filter((candidate) => candidate.timeMs <= hold);
      let [records, bytes] = [options.entryRecordsMax, options.entryBytesMax];
      while (open.length > 0 && records > 0 && bytes > 0) {
        const next = open.reduce((a, b) => (isFurtherBehind(b, a) ? b : a));
        const before = next.range;
        if (extend(next, records, bytes)) {
          records -= (next.range?.count ?? 0) - (before?.count ?? 0);
          bytes -= (next.range?.bytes ?? 0) - (before?.bytes ?? 0);
        } else {
          if (before && isBeforeEnd(next.cursor, before.to)) hold = Math.min(hold, next.timeMs + slackMs);
          open = open.filter((candidate) => candidate !== next);
        }
        open = open.filter((candidate) => candidate.timeMs <= hold);
      }
      return candidates.flatMap(({ name, range }) => (range ? [toOrderRange(name, range)] : []));
    },
    waitMs: (nowMs) => releaseAtMs - nowMs,
  };
}

/** There is more than what is here, or it is not known yet. */
const isBeforeEnd = (cursor: Cursor, at: bigint): boolean => cursor.endOffset() > at || cursor.endOffset() < 0n;

const toOrderRange = (name: TopicPartitionName, { from, to, count, crc }: PlannedRange): OrderRange => [
  name,
  from.toString(),
  to.toString(),
  count,
  crc,
];

/** Ties (nothing read yet, equal times) go to whoever has less in this entry, then by name. */
function isFurtherBehind(a: Candidate, b: Candidate): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs < b.timeMs;
  const [inA, inB] = [a.range?.count ?? 0, b.range?.count ?? 0];
  return inA !== inB ? inA < inB : a.name < b.name;
}

/** How fast event time moves per record of a partition, learnt from what was folded: to judge what is not decoded yet. */
function createPace() {
  const seen = new Map<TopicPartitionName, { position: bigint; timeMs: number; msPerRecord: number }>();
  return {
    observe(name: TopicPartitionName, position: bigint, timeMs: number): void {
      const last = seen.get(name);
      if (!Number.isFinite(timeMs) || (last && position <= last.position)) return;
      const records = last ? Number(position - last.position) : 0;
      const sample = last ? Math.max(0, timeMs - last.timeMs) / records : 0;
      seen.set(name, { position, timeMs, msPerRecord: last ? 0.7 * last.msPerRecord + 0.3 * sample : 0 });
    },
    msPerRecord: (name: TopicPartitionName): number => seen.get(name)?.msPerRecord ?? 0,
  };
}
