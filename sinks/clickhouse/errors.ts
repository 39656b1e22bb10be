import { ClickHouseError } from '@clickhouse/client';
import { SinkError, type SinkErrorCode } from '../sink.ts';

/**
 * What goes wrong with ClickHouse, from one table, by code and never by text. Guarantees that only data which ClickHouse can
 * never take is `rejected`; everything unknown is worth another try, so that a wrong password or a dropped table blocks
 * loudly instead of losing rows. Redelivery: none here.
 */

/** Out of disk, memory, parts or threads: it passes when an operator or a merge makes room. */
const fullCodes = new Set(['74', '75', '76', '88', '202', '203', '241', '243', '252', '439', '1001']);
/** The values themselves: parse errors, out of range, too large, a constraint. */
const rejectedCodes = new Set(['6', '26', '27', '33', '38', '41', '69', '70', '72', '117', '131', '349', '469']);

/** Any error of the client as a `SinkError`. Its message names ClickHouse's code and never repeats row data. */
export function toSinkError(error: unknown, what: string): SinkError {
  if (error instanceof SinkError) return error;
  const { code, name } = identify(error);
  return new SinkError(sinkCode(code), `${what}: ${name}`, error);
}

function sinkCode(code: string): SinkErrorCode {
  if (fullCodes.has(code)) return 'full';
  return rejectedCodes.has(code) ? 'rejected' : 'unavailable';
}

function identify(error: unknown): { readonly code: string; readonly name: string } {
  if (error instanceof ClickHouseError)
    return { code: error.code, name: `ClickHouse code ${error.code}${error.type ? ` ${error.type}` : ''}` };
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (typeof code === 'string') return { code, name: code };
  return { code: '', name: error instanceof Error ? error.message : String(error) };
}
