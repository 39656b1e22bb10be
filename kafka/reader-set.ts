import { setImmediate as nextTurn } from 'node:timers/promises';

/** What a set needs of a stream. */
export interface SetMember {
  readonly topic: string;
  readonly partition: number;
  readonly name: string;
  isReady(): boolean;
}

/** The open streams of a reader, found by topic and partition for every message, and who waits for them. */
export interface StreamSet<S extends SetMember> {
  add(stream: S): void;
  remove(stream: S): void;
  find(topic: string, partition: number): S | undefined;
  all(): readonly S[];
  isAnyReady(): boolean;
  /** Resolves true as soon as `isReady` holds at a `wake`, false after `maxWaitMs`; never before sockets and timers had their turn. */
  wait(isReady: () => boolean, maxWaitMs: number): Promise<boolean>;
  wake(): void;
  /** Ends every wait, now and later, with false. */
  end(): void;
}

/** An empty set. `add` throws where the partition is open already: one stream per partition and source. */
export function createStreamSet<S extends SetMember>(): StreamSet<S> {
  const byTopic = new Map<string, (S | undefined)[]>();
  const waiting = new Map<() => void, (result: boolean) => void>();
  let hasEnded = false;
  let all: readonly S[] = [];
  let last: S | undefined;
  return {
    add(stream) {
      const partitions = byTopic.get(stream.topic) ?? [];
      if (partitions[stream.partition]) throw new Error(`${stream.name} is being read already`);
      partitions[stream.partition] = stream;
      byTopic.set(stream.topic, partitions);
      all = [...all, stream];
    },
    remove(stream) {
      delete byTopic.get(stream.topic)?.[stream.partition];
      all = all.filter((other) => other !== stream);
      last = undefined;
    },
    find(topic, partition) {
      if (last?.partition !== partition || last.topic !== topic) last = byTopic.get(topic)?.[partition];
      return last;
    },
    all: () => all,
    isAnyReady: () => all.some((stream) => stream.isReady()),
    wait(isReady, maxWaitMs) {
      // Who waits for one stream while another one is ready would hold up the very answer that he waits for.
      if (hasEnded || isReady()) return nextTurn(!hasEnded);
      return new Promise((resolve) => {
        const settle = (result: boolean) => {
          clearTimeout(timer);
          waiting.delete(look);
          resolve(result);
        };
        const look = () => {
          if (isReady()) settle(true);
        };
        const timer = setTimeout(() => settle(isReady()), maxWaitMs);
        waiting.set(look, settle);
      });
    },
    wake() {
      for (const look of [...waiting.keys()]) look();
    },
    end() {
      hasEnded = true;
      for (const settle of [...waiting.values()]) settle(false);
    },
  };
}
