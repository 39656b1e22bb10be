import type { KafkaContext } from './connection.ts';
import type { NativeConsumer } from './driver.ts';
import { judgeRange, queryRange } from './reader-range.ts';
import type { ReaderStream } from './reader-stream.ts';

/** An answer of the broker takes milliseconds: who is silent for so long may have been told, and we not. */
const lookAfterMs = 1_000;

/**
 * The driver drops an error that comes behind messages in one `consume`: a partition that begins beyond the position asked for would then
 * be silent for ever. So a stream that has heard nothing is looked at until it has; `failed` is told when its records are gone.
 */
export function watchBeginning(
  context: KafkaContext,
  client: NativeConsumer,
  stream: ReaderStream,
  failed: () => void,
): void {
  const isSilent = (): boolean => !stream.wasInRange && stream.phase === 'reading';
  const look = async (): Promise<void> => {
    if (!isSilent()) return;
    const range = await queryRange(context, client, stream).catch(() => null);
    if (!isSilent()) return;
    if (range === null || stream.nextOffset >= range.low) return watchBeginning(context, client, stream, failed);
    judgeRange(stream, range.low, range.high);
    failed();
  };
  setTimeout(() => void look(), lookAfterMs).unref();
}
