import { countPartitions, type KafkaContext } from './connection.ts';
import { KafkaError } from './contract.ts';
import type { NativeConsumer } from './driver.ts';
import { judgeRange, queryRange } from './reader-range.ts';
import type { ReaderStream } from './reader-stream.ts';

/** A partition that says nothing for so long may not exist: the driver does not tell. */
const silenceMs = 5_000;
/** An answer of the broker takes milliseconds: who is silent for so long may have been told, and we not. */
const beginningMs = 1_000;

/** Looks at a stream that was assigned now, until it has heard something. Where it cannot, it is failed and `letGo` is called. */
export function watchSilence(
  context: KafkaContext,
  client: NativeConsumer,
  stream: ReaderStream,
  letGo: (stream: ReaderStream) => void,
): void {
  const isSilent = (): boolean => !stream.wasInRange && stream.phase === 'reading';
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
  // The driver drops an error that comes behind messages in one `consume`: a partition that begins beyond the position asked for would
  // then be silent for ever.
  const lookForBeginning = async (): Promise<void> => {
    if (!isSilent()) return;
    const range = await queryRange(context, client, stream).catch(() => null);
    if (!isSilent()) return;
    if (range === null || stream.nextOffset >= range.low) return again(lookForBeginning, beginningMs);
    judgeRange(stream, range.low, range.high);
    letGo(stream);
  };
  again(lookForTopic, silenceMs);
  again(lookForBeginning, beginningMs);
}
