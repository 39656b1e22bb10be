import { SourceError, type SourceErrorCode } from '../sources/source.ts';
import { KafkaError, type KafkaErrorCode } from './contract.ts';

/** librdkafka's numeric codes that the code itself asks about (negative: made by the library; positive: the broker's). */
export const nativeCode = {
  assignPartitions: -175,
  revokePartitions: -174,
  allBrokersDown: -187,
  autoOffsetReset: -140,
  queueFull: -184,
  fatal: -150,
  offsetOutOfRange: 1,
} as const;

/** The one table from numeric codes to ours. What is not in it is `kafka_fatal`. */
const table: ReadonlyMap<number, KafkaErrorCode> = new Map([
  ...codes(
    'kafka_unavailable',
    [-195, -193, -187, -184, -183, -180, 2, 5, 6, 8, 9, 13, 14, 15, 16, 19, 20, 27, 41, 56, 72, 74, 75],
  ),
  ...codes('kafka_timed_out', [-192, -185, -166, 7]),
  ...codes('kafka_not_authorised', [-181, -169, 29, 30, 31, 33, 34, 53, 54, 58, 65]),
  ...codes('kafka_topic_missing', [-190, -188, 3, 17, 100]),
  ...codes('kafka_message_too_large', [10, 18]),
  ...codes('kafka_fenced', [-147, -144, 22, 25, 47, 82, 90]),
  ...codes('kafka_closed', [-197, -172]),
]);

/** Our error for a driver's numeric code; `undefined`: the driver said no number, which only a closed client does. */
export function kafkaError(code: number | undefined, doing: string, cause?: unknown): KafkaError {
  const kind = code === undefined ? 'kafka_closed' : (table.get(code) ?? 'kafka_fatal');
  const said = cause instanceof Error ? `: ${cause.message}` : '';
  return new KafkaError(kind, `${doing}${said}${code === undefined ? '' : ` (librdkafka ${code})`}`, { cause });
}

/** The same failure in the words of the `Source` contract. */
export function sourceError(error: KafkaError): SourceError {
  return new SourceError(sourceCode(error.code), error.message, { cause: error });
}

function sourceCode(code: KafkaErrorCode): SourceErrorCode {
  switch (code) {
    case 'kafka_topic_missing':
      return 'topic_missing';
    case 'kafka_not_authorised':
      return 'not_authorised';
    case 'kafka_closed':
      return 'closed';
    default:
      return 'unavailable';
  }
}

function codes(kind: KafkaErrorCode, numbers: readonly number[]): [number, KafkaErrorCode][] {
  return numbers.map((number) => [number, kind]);
}
