// Where in a text an error of the engine is: by the place that its message tells, or by the name that it does not know. No state.

/** From 1, as editors count; `offset` from 0, in UTF-16 units. */
export interface SqlPosition {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** Null where the message tells neither. */
export function positionIn(message: string, sql: string): SqlPosition | null {
  const told = /failed at position (\d+)/.exec(message)?.[1];
  if (told !== undefined) return at(sql, characters(sql, Number(told) - 1));
  for (const [, quoted, plain] of message.matchAll(/[`']([^`'\s]+)[`']|(?:table|function) ([\w.]+)/gi)) {
    const last = (quoted ?? plain ?? '').split('.').at(-1) ?? '';
    const offset = last === '' ? -1 : sql.search(new RegExp(`(?<![\\w])${escaped(last)}(?![\\w])`));
    if (offset >= 0) return at(sql, offset);
  }
  return null;
}

function at(sql: string, offset: number): SqlPosition {
  const lines = sql.slice(0, offset).split('\n');
  return { offset, line: lines.length, column: (lines.at(-1) ?? '').length + 1 };
}

/** The engine counts bytes. */
const characters = (sql: string, bytes: number): number =>
  Buffer.from(sql, 'utf8').subarray(0, Math.max(0, bytes)).toString('utf8').length;

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
