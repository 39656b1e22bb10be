import { expect, test } from 'vitest';
import { readStatement } from './clickhouse-statement.ts';

const split = (sql: string) => {
  const found = readStatement(sql);
  if (found.kind !== 'insert') return found;
  return [
    sql.slice(0, found.infileAt),
    sql.slice(found.infileAt, found.headEnd),
    found.format,
    sql.slice(found.dataStart),
  ];
};

test('rows begin after the line of FORMAT', () => {
  expect(split('INSERT INTO t FORMAT CSV\n1,2\n\nDROP TABLE t')).toEqual([
    'INSERT INTO t ',
    '',
    'CSV',
    '1,2\n\nDROP TABLE t',
  ]);
  expect(split('insert into `a b`."t" (x, format) settings async_insert=0 format JSONEachRow {"x":1}')).toEqual([
    'insert into `a b`."t" (x, format) ',
    'settings async_insert=0 ',
    'JSONEachRow',
    '{"x":1}',
  ]);
  expect(split('/* FORMAT a */ INSERT INTO TABLE format.values -- FORMAT b\n (a) FORMAT\nTSV')).toEqual([
    '/* FORMAT a */ INSERT INTO TABLE format.values -- FORMAT b\n (a) ',
    '',
    'TSV',
    '',
  ]);
});

test('rows begin after VALUES', () => {
  expect(split("INSERT INTO t (a) VALUES (';')")).toEqual(['INSERT INTO t (a) ', '', 'Values', " (';')"]);
});

test('an INSERT from a SELECT has no rows', () => {
  expect(split("INSERT INTO t SELECT format('{}', a) FROM s")).toEqual({ kind: 'query', format: null, isMulti: false });
  expect(split("INSERT INTO t SELECT a FROM input('a UInt8') FORMAT CSV")).toMatchObject({ kind: 'unsupported' });
  expect(split("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV")).toMatchObject({ kind: 'unsupported' });
});

test('a query tells its format and whether another one follows', () => {
  expect(split('SELECT 1 FORMAT JSON')).toEqual({ kind: 'query', format: 'JSON', isMulti: false });
  expect(split("SELECT ';', 1 -- ; x\n FORMAT CSV SETTINGS a=1;  ")).toEqual({
    kind: 'query',
    format: 'CSV',
    isMulti: false,
  });
  expect(split('SELECT (SELECT 1 format) ; DROP TABLE t')).toMatchObject({ isMulti: true });
  expect(split("SELECT 'it''s \\'; x' ; DROP TABLE t")).toMatchObject({ isMulti: true });
  expect(split('SELECT $a$ ; $a$ ; SELECT 2')).toMatchObject({ isMulti: true });
  expect(split('')).toEqual({ kind: 'query', format: null, isMulti: false });
});
