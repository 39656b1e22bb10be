import { countPartitions, type KafkaContext } from './connection.ts';
import { KafkaError } from './contract.ts';
import type { NativeConsumer } from './driver.ts';
import { judgeRange, queryRange } from './reader-range.ts';
import type { ReaderStream } from './reader-stream.ts';

/** A partition that says nothing for so long may not exist: the driver does not tell. */
const silenceMs = 5_000;
/** An answer of the broker takes milliseconds: who is silent for so long may have been told, and we not. */
const beginningMs = 1_000;
/** The same of a partition that has spoken: most are silent because nothing comes. */
const quietMs = 10_000;

/**
 * Looks at a stream that was assigned now: whether its topic exists until it has heard something, and whether what it waits for
 * is still there whenever it is silent. Where it cannot go on, it is failed and `letGo` is called.
 */
export function watchSilence(
  context: KafkaContext,
  client: NativeConsumer,
  stream: ReaderStream,
  letGo: (stream: ReaderStream) => void,
): void {
  const isSilent = (): boolean => !stream.wasInRange && stream.phase === 'reading';
  const waits = (): boolean => stream.phase === 'reading' && !stream.isFull;
  const again = (look: () => Promise<void>, afterMs: number): void =>
    void setTimeout(() => void look(), afterMs).unref();

  const lookForTopic = async (): Promise<void> => {
    if (!isSilent()) return;
    const count = await countPartitions(context, client, stream.topic).catch((error: unknown) => error);
    if (count instanceof KafkaError && count.code === 'kafka_not_authorised') {
      stream.fail('not_authorised', count.message, count);
    } else if (typeof count !== 'number' || stream.partition < count) return again(lookForTopic, silenceMs);
    else stream.fail('topic_missing', `${stream.name} does not exist: ${stream.topic} has ${count} partitions`);
    letGo(stream);
  };
  // The driver drops an error that comes behind messages, of whatever partition, in one `consume`: a partition that begins beyond the
  // position would then be silent for ever.
  let lookedAtOffset = -1;
  const lookForBeginning = async (): Promise<void> => {
    if (stream.phase === 'closed' || stream.phase === 'failed') return;
    if (isSilent() || (waits() && stream.nextOffset === lookedAtOffset)) {
      const range = await queryRange(context, client, stream).catch(() => null);
      if (range !== null && waits() && stream.nextOffset < range.low) {
        judgeRange(stream, range.low, range.high);
        return letGo(stream);
      }
    }
    lookedAtOffset = waits() ? stream.nextOffset : -1;
    again(lookForBeginning, stream.wasInRange ? quietMs : beginningMs);
  };
  again(lookForTopic, silenceMs);
  again(lookForBeginning, beginningMs);
}
