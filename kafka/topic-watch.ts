import type { KafkaContext } from './connection.ts';
import { KafkaError } from './contract.ts';
import type { SourceErrorCode } from '../sources/source.ts';
import type { SetMember, StreamSet } from './reader-set.ts';

/** How often a reader looks whether its topics are still the same ones. */
const watchEveryMs = 5_000;
/** How long a topic that was there may be missing: a broker that has just started may not know it yet. */
export const missingMaxMs = 15_000;

/** What is watched of a stream. */
export interface WatchedStream extends SetMember {
  readonly nextOffset: number;
  /** Which incarnation of the topic is read; null: not known. */
  readonly incarnation: string | null;
  /** Since when the topic is not found; null while it is. */
  missingSinceMs: number | null;
  fail(code: SourceErrorCode, message: string): void;
}

/**
 * Looks again and again whether the topics of open streams are still there and still the same incarnation: the drivers go on
 * with a topic that was deleted and made anew as if nothing had been. Up to 5 s of the new one's records may have been read by
 * then. Only with a real broker. `failed` is told of each stream that it ended.
 */
export function watchTopics<S extends WatchedStream>(
  { admin, clock }: KafkaContext,
  streams: StreamSet<S>,
  failed: (stream: S) => void,
): { stop(): void } {
  const stopping = new AbortController();
  const { signal } = stopping;
  if (admin === null) return { stop: () => {} };
  const look = async (topic: string, ours: readonly S[]): Promise<void> => {
    const found = await admin.incarnation(topic);
    for (const stream of ours) if (judgeIncarnation(stream, found, clock.nowMs()) === 'failed') failed(stream);
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(watchEveryMs, signal);
      const known = streams.all().filter(({ incarnation }) => incarnation !== null);
      for (const topic of new Set(known.map((stream) => stream.topic)))
        await look(
          topic,
          known.filter((stream) => stream.topic === topic),
        ).catch((error: unknown) => {
          if (!(error instanceof KafkaError)) throw error;
        });
    }
  };
  void run();
  return { stop: () => stopping.abort() };
}

/** Fails a stream whose topic is another one now, or has been missing for long. `found` null: it is not there. */
export function judgeIncarnation(
  stream: WatchedStream,
  found: string | null,
  nowMs: number,
): 'fine' | 'missing' | 'failed' {
  if (found === null) {
    stream.missingSinceMs ??= nowMs;
    if (nowMs - stream.missingSinceMs < missingMaxMs) return 'missing';
    stream.fail('topic_missing', `${stream.topic} was deleted: ${stream.name} was read up to ${stream.nextOffset}`);
    return 'failed';
  }
  stream.missingSinceMs = null;
  if (stream.incarnation === null || found === stream.incarnation) return 'fine';
  const before = `${stream.name} was read up to ${stream.nextOffset}`;
  stream.fail('topic_recreated', `${stream.topic} was deleted and made anew: ${before}`);
  return 'failed';
}
