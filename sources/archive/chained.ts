import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { topicPartitionName, type PartitionStream, type Source, type TopicPartition } from '../source.ts';
import { ChainedStream } from './chained-stream.ts';

/**
 * Archive, then log, as one unbroken chain: records come from the broker while it has them, and what it has forgotten comes
 * from the archive until that meets the broker's first one. Guarantees that nothing is left out: `gap` only if neither has
 * it. Reading again gives the same records, from wherever they come.
 */
export interface ChainedSourceOptions {
  readonly archive: Source;
  readonly broker: Source;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long the archive may lag behind the broker's retention before a hole between them is a `gap`. */
  readonly gapAfterMs?: number;
}

/** Owns neither source: `close` closes its streams only. */
export function createChainedSource(options: ChainedSourceOptions): Source {
  const { archive, broker } = options;
  const streams = new Map<string, ChainedStream>();
  const waits = { archive: createSharedWait(archive), broker: createSharedWait(broker) };
  const isAnyReady = (): boolean => {
    let isReady = false;
    for (const stream of streams.values()) isReady = stream.advance() || isReady;
    return isReady;
  };
  return {
    read: (tp: TopicPartition, fromOffset: bigint): PartitionStream => {
      const name = topicPartitionName(tp);
      if (streams.has(name)) throw new Error(`${name} is read already`);
      const stream = new ChainedStream(options, tp, fromOffset, () => streams.delete(name));
      streams.set(name, stream);
      return stream;
    },
    wait: async (maxWaitMs) => {
      const deadlineMs = options.clock.nowMs() + maxWaitMs;
      for (;;) {
        if (isAnyReady()) return true;
        const leftMs = deadlineMs - options.clock.nowMs();
        if (leftMs <= 0) return false;
        const stopped = new AbortController();
        const readers = [...streams.values()];
        await Promise.race([
          ...readers.filter((stream) => stream.isSwitching()).map((stream) => stream.changed(leftMs)),
          ...(readers.some(({ from }) => from === 'archive') ? [waits.archive(leftMs)] : []),
          ...(readers.some(({ from }) => from === 'broker') ? [waits.broker(leftMs)] : []),
          options.clock.sleep(leftMs, stopped.signal),
        ]);
        stopped.abort();
      }
    },
    bounds: async (tp) => {
      const held = await broker.bounds(tp);
      // A broker that forgot nothing needs no archive: one that is away then stops nobody.
      if (held.lowOffset === 0n) return held;
      const archived = await archive.bounds(tp);
      const hasArchived = archived.endOffset > archived.lowOffset;
      const lowOffset = hasArchived && archived.lowOffset < held.lowOffset ? archived.lowOffset : held.lowOffset;
      return { lowOffset, endOffset: held.endOffset };
    },
    partitionCount: (topic) => broker.partitionCount(topic),
    close: async () => {
      for (const stream of [...streams.values()]) stream.close();
    },
  };
}

/** One `wait` of a source in flight, whoever asks. */
function createSharedWait(source: Source): (maxWaitMs: number) => Promise<boolean> {
  let current: Promise<boolean> | null = null;
  return (maxWaitMs) => {
    current ??= source.wait(maxWaitMs).finally(() => (current = null));
    return current;
  };
}
