import type { TopicPartition } from '../sources/source.ts';

/** A partition that has grown: records before `endOffset` are there. */
export interface Grown extends TopicPartition {
  readonly endOffset: number;
}

/**
 * What the producers of this process have had acknowledged, told to its readers: the embedded broker never wakes a fetch that waits, so
 * who is told need not ask again and again. Says nothing of other processes' producers.
 */
export interface Growth {
  tell(topic: string, partition: number, endOffset: number): void;
  /** Calls back with all that has grown in one turn of the event loop. Gives what ends it. */
  listen(listener: (grown: readonly Grown[]) => void): () => void;
}

export function createGrowth(): Growth {
  const listeners = new Set<(grown: readonly Grown[]) => void>();
  const ends = new Map<string, number[]>();
  let isScheduled = false;

  const flush = (): void => {
    isScheduled = false;
    const grown: Grown[] = [];
    for (const [topic, byPartition] of ends)
      byPartition.forEach((endOffset, partition) => grown.push({ topic, partition, endOffset }));
    ends.clear();
    for (const listener of listeners) listener(grown);
  };
  return {
    tell(topic, partition, endOffset) {
      if (listeners.size === 0) return;
      let byPartition = ends.get(topic);
      if (!byPartition) ends.set(topic, (byPartition = []));
      byPartition[partition] = Math.max(endOffset, byPartition[partition] ?? 0);
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(flush);
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
