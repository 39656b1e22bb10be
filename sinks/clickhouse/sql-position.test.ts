import { expect, test } from 'vitest';
import { positionIn } from './sql-position.ts';

test('the place that a syntax error tells is found, counted in characters and lines', () => {
  const sql = "SELECT 'ä',\n  b c d FROM t";
  const bytes = Buffer.from(sql).indexOf('d FROM') + 1;
  expect(positionIn(`Syntax error: failed at position ${bytes} (d)`, sql)).toEqual({ offset: 18, line: 2, column: 7 });
  expect(positionIn('Syntax error: failed at position 999', 'SELECT')).toEqual({ offset: 6, line: 1, column: 7 });
});

test('a name that the engine does not know is found where it first stands as a whole word', () => {
  const sql = 'SELECT amounts, amount FROM t';
  expect(positionIn('Unknown expression identifier `amount` in scope …', sql)).toMatchObject({ offset: 16 });
  expect(positionIn("Unknown table expression identifier 'millrace.t' in scope", sql)).toMatchObject({ offset: 28 });
  expect(positionIn('Table millrace.t does not exist', sql)).toMatchObject({ offset: 28 });
});

test('where the message names nothing that is there, there is no place', () => {
  expect(positionIn('Memory limit exceeded', 'SELECT 1')).toBeNull();
});
