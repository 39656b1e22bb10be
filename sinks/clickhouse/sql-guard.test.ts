import { expect, test } from 'vitest';
import { refusalOf } from './sql-guard.ts';

const tableFunctions = new Set(['file', 'url', 's3', 'remote', 'numbers', 'format', 'merge', 'mysql', 'view']);
const judge = (printed: string) => refusalOf(printed, tableFunctions);

test.each([
  'SELECT 1',
  "SELECT a FROM t WHERE b = 'INTO OUTFILE file(x) SETTINGS readonly = 0'",
  'SELECT `file`, file, outfile_name FROM t FINAL WHERE url = 1',
  "WITH (SELECT 1) AS x SELECT x, format('{}', a) FROM numbers(10)",
  '(SELECT 1) UNION ALL (SELECT 2)',
  'SELECT * FROM view(SELECT 1)',
  'SELECT settings FROM t',
  'SHOW TABLES FROM millrace',
  'SHOW CREATE TABLE events',
  'DESCRIBE TABLE events',
  'EXPLAIN SELECT 1',
  'EXISTS TABLE events',
  'SELECT name FROM system.tables',
])('[J8] %s may be asked', (printed) => {
  expect(judge(printed)).toBeNull();
});

test.each([
  ['INSERT INTO t SELECT 1', 'only SELECT'],
  ['INSERT INTO t WITH 1 AS x SELECT x', 'only SELECT'],
  ['SET readonly = 0', 'only SELECT'],
  ['KILL QUERY WHERE 1 SYNC', 'only SELECT'],
  ['SYSTEM FLUSH LOGS', 'only SELECT'],
  ['`SELECT` 1', 'only SELECT'],
  ['', 'only SELECT'],
  ["SELECT * FROM t INTO OUTFILE '/tmp/x'", 'OUTFILE'],
  ["SELECT file('/etc/passwd')", 'function file'],
  ["SELECT `file`('/etc/passwd')", 'function file'],
  ["DESCRIBE TABLE file('/etc/passwd')", 'function file'],
  ["SELECT * FROM url('http://10.0.0.1/')", 'table function url'],
  ["SELECT 1 WHERE 1 IN (SELECT * FROM S3('http://10.0.0.1/'))", 'table function S3'],
  ["SELECT * FROM merge('system', '.*')", 'table function merge'],
  ['SELECT 1 SETTINGS readonly = 0', 'SETTINGS'],
  ['SELECT * FROM (SELECT 1 SETTINGS readonly = 0)', 'SETTINGS'],
  ['SELECT query FROM system.processes', 'database system'],
  ['SELECT query FROM `system`.`query_log`', 'database system'],
  ['SHOW PROCESSLIST', 'SHOW may show'],
  ['SHOW GRANTS', 'SHOW may show'],
  ['SELECT sleep(3)', 'function sleep'],
  ["SELECT dictGetString('d', 'a', 1)", 'function dictGetString'],
  ['SELECT 1 FORMAT CSV', 'leave FORMAT out'],
])('[J8] %s is refused: %s', (printed, why) => {
  expect(judge(printed)).toContain(why);
});
