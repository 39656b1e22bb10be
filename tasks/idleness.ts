import type { Source, TopicPartition, TopicPartitionName } from '../sources/source.ts';
import { topicPartitionName } from '../sources/source.ts';

/** Which partitions an owner may log as idle: at their end, freshly confirmed, for `idleMs` by its own clock. */
export interface Idleness {
  /** Tells how far ordering is and what was last heard of the end; gives whether the partition is idle now. */
  isIdle(tp: TopicPartition, position: bigint, endOffset: bigint, nowMs: number): boolean;
  /** A partition whose end was found below our position: it is not the one that was read. */
  recreated(): TopicPartitionName | null;
}

export interface IdlenessOptions {
  readonly source: Pick<Source, 'bounds'>;
  readonly idleMs: number;
  /** Called when a confirmation has come. */
  readonly onChange: () => void;
}

interface Watched {
  position: bigint;
  sinceMs: number;
  isAsking: boolean;
  isConfirmed: boolean;
  notBeforeMs: number;
}

/** Pause before an end that was not confirmed is asked for again. */
const askAgainMs = 1_000;

export function createIdleness(options: IdlenessOptions): Idleness {
  const watched = new Map<TopicPartitionName, Watched>();
  let recreated: TopicPartitionName | null = null;

  const confirm = async (name: TopicPartitionName, tp: TopicPartition, seen: Watched): Promise<void> => {
    seen.isAsking = true;
    try {
      const { endOffset } = await options.source.bounds(tp);
      if (endOffset < seen.position) recreated ??= name;
      seen.isConfirmed = endOffset === seen.position;
      if (seen.isConfirmed) options.onChange();
    } catch {
      seen.isConfirmed = false;
    } finally {
      seen.isAsking = false;
    }
  };
  return {
    isIdle(tp, position, endOffset, nowMs) {
      const name = topicPartitionName(tp);
      let seen = watched.get(name);
      if (!seen || seen.position !== position || endOffset > position) {
        seen = { position, sinceMs: nowMs, isAsking: false, isConfirmed: false, notBeforeMs: nowMs };
        watched.set(name, seen);
      }
      if (endOffset > position) return false;
      if (seen.isConfirmed) return true;
      if (nowMs - seen.sinceMs >= options.idleMs && !seen.isAsking && nowMs >= seen.notBeforeMs) {
        seen.notBeforeMs = nowMs + askAgainMs;
        void confirm(name, tp, seen);
      }
      return false;
    },
    recreated: () => recreated,
  };
}
