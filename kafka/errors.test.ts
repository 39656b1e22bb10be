import { expect, test } from 'vitest';
import { kafkaError, sourceError } from './errors.ts';

test.each([
  [6, 'kafka_unavailable', true], // not the leader any more
  [74, 'kafka_unavailable', true], // an older leader epoch
  [75, 'kafka_unavailable', true], // a newer one than the broker knows, or of a topic that was made anew
  [7, 'kafka_timed_out', true],
  [29, 'kafka_not_authorised', false],
  [3, 'kafka_topic_missing', false],
  [10, 'kafka_message_too_large', false],
  [9_999, 'kafka_fatal', false],
])('code %i of a broker is %s', (code, ours, retryable) => {
  expect(kafkaError(code, 'x')).toMatchObject({ code: ours, retryable });
});

test('a stream is told in the words of its contract', () => {
  expect(sourceError(kafkaError(75, 'fetch'))).toMatchObject({ code: 'unavailable', retryable: true });
  expect(sourceError(kafkaError(29, 'fetch'))).toMatchObject({ code: 'not_authorised', retryable: false });
});
