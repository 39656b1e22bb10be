import { topicPartitionName } from '../sources/source.ts';
import { KafkaError, type NextOffset } from './contract.ts';
import type { KafkaContext } from './connection.ts';
import type { NativeConsumer } from './driver.ts';
import { kafkaError } from './errors.ts';

/** Offset commits in order, one in flight; those asked for meanwhile become one, the latest offset of each partition. */
export interface Committer {
  commit(offsets: readonly NextOffset[]): Promise<void>;
  /** The driver's offset-commit callback. */
  acknowledged(error: unknown): void;
  isBusy(): boolean;
  /** Resolves when nothing is in flight or waiting. */
  idle(): Promise<void>;
}

interface Round {
  readonly offsets: Map<string, NextOffset>;
  readonly done: Promise<void>;
  readonly settle: (error: KafkaError | null) => void;
}

/** A commit whose answer does not come in time is given up: committing again is harmless. */
const commitTimeoutMs = 10_000;
/** "No offset to commit": the broker has it already. */
const noOffsetCode = -168;

/** For one consumer. */
export function createCommitter(context: KafkaContext, client: NativeConsumer): Committer {
  let inFlight: Round | null = null;
  let next: Round | null = null;
  let timer: NodeJS.Timeout | undefined;

  const finish = (error: KafkaError | null): void => {
    clearTimeout(timer);
    inFlight?.settle(error);
    inFlight = null;
    start();
  };

  const start = (): void => {
    if (inFlight !== null || next === null) return;
    inFlight = next;
    next = null;
    timer = setTimeout(() => finish(new KafkaError('kafka_timed_out', 'commit: no answer')), commitTimeoutMs);
    try {
      client.commit(
        [...inFlight.offsets.values()].map(({ topic, partition, nextOffset }) => ({
          topic,
          partition,
          offset: Number(nextOffset),
        })),
      );
    } catch (error) {
      finish(kafkaError(context.driver.codeOf(error), 'commit', error));
    }
  };

  return {
    commit(offsets) {
      next ??= createRound();
      for (const offset of offsets) next.offsets.set(topicPartitionName(offset), offset);
      const { done } = next;
      start();
      return done;
    },
    acknowledged(error) {
      const code = error ? context.driver.codeOf(error) : undefined;
      finish(error && code !== noOffsetCode ? kafkaError(code, 'commit', error) : null);
    },
    isBusy: () => inFlight !== null,
    async idle() {
      while (inFlight !== null) await inFlight.done.catch(() => {});
    },
  };
}

function createRound(): Round {
  let settle: Round['settle'] = () => {};
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === null ? resolve() : reject(error));
  });
  return { offsets: new Map(), done, settle: (error) => settle(error) };
}
