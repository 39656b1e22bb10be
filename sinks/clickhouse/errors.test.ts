import { ClickHouseError } from '@clickhouse/client';
import { expect, test } from 'vitest';
import { SinkError } from '../sink.ts';
import { toSinkError } from './errors.ts';

const server = (code: string, type: string) => new ClickHouseError({ code, type, message: 'row: secret' });

test.each([
  [server('243', 'NOT_ENOUGH_SPACE'), 'full', true],
  [server('241', 'MEMORY_LIMIT_EXCEEDED'), 'full', true],
  [server('252', 'TOO_MANY_PARTS'), 'full', true],
  [server('27', 'CANNOT_PARSE_INPUT_ASSERTION_FAILED'), 'rejected', false],
  [server('469', 'VIOLATED_CONSTRAINT'), 'rejected', false],
  // An operator can mend these; to call them rejected would lose every row.
  [server('60', 'UNKNOWN_TABLE'), 'unavailable', true],
  [server('516', 'AUTHENTICATION_FAILED'), 'unavailable', true],
  [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'unavailable', true],
  [new Error('Timeout error.'), 'unavailable', true],
  ['thrown text', 'unavailable', true],
])('%s is %s', (error, code, retryable) => {
  const found = toSinkError(error, 'insert into t');
  expect(found).toBeInstanceOf(SinkError);
  expect(found).toMatchObject({ code, retryable });
  expect(found.message).not.toContain('secret');
});
