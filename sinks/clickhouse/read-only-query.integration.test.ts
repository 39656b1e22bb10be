import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readingRole } from '../../embedded/clickhouse-access.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { connectClickHouse } from './connection.ts';
import { migrate } from './migrate.ts';
import { createReadOnlyQuery, type ReadOnlyOutcome } from './read-only-query.ts';
import { startTestClickHouse, type TestClickHouse } from './testbed-suite.ts';

const database = 'millrace';
const limits = { rowsMax: 5, resultBytesMax: 100_000, memoryBytesMax: 200_000_000, timeMaxMs: 60_000 };
const outfile = '/tmp/millrace-outfile-attack.csv';

describeUnless([requireChdb()], 'SQL from people', () => {
  let clickhouse: TestClickHouse;
  let reader: ClickHouseClient;
  let ask: (sql: string) => Promise<ReadOnlyOutcome>;
  const listener = createServer((_request, response) => {
    calls += 1;
    response.end('1\n');
  });
  let calls = 0;
  let url = '';

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
    await migrate(clickhouse.client, { database, logger: silentLogger });
    await clickhouse.client.command({ query: 'CREATE TABLE other (secret String) ENGINE = MergeTree ORDER BY secret' });
    await clickhouse.client.command({ query: "INSERT INTO other SELECT 'top secret'" });
    reader = connectClickHouse({ url: clickhouse.server.url, database });
    const query = createReadOnlyQuery({ client: clickhouse.client, reader, role: readingRole, limits });
    ask = (sql) => query(sql, new AbortController().signal);
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`;
  });
  afterAll(async () => {
    listener.close();
    await reader.close();
    await clickhouse.stop();
  });

  test('[J8] a question is answered with columns, types and rows; of more rows than the limit it says so', async () => {
    expect(
      await ask(
        "SELECT number AS n, toUInt64(number) * 4000000000000000000 AS big, toFloat64('nan') AS none FROM numbers(2)",
      ),
    ).toEqual({
      kind: 'rows',
      result: {
        columns: [
          { name: 'n', type: 'UInt64' },
          { name: 'big', type: 'UInt64' },
          { name: 'none', type: 'Float64' },
        ],
        rows: [
          ['0', '0', 'nan'],
          ['1', '4000000000000000000', 'nan'],
        ],
        ...{ isTruncated: false, elapsedMs: expect.any(Number), rowsRead: 2, bytesRead: 16 },
      },
    });
    expect(await ask('SELECT * FROM numbers(100)')).toMatchObject({
      result: { rows: { length: 5 }, isTruncated: true },
    });
  });

  test.each([
    'SELECT count() FROM events',
    'SELECT * FROM fraud_by_country_hour',
    'SELECT count() FROM millrace.decisions_final -- how many\n;',
    'WITH (SELECT 1) AS one SELECT one FROM payments',
    'SHOW TABLES',
    'DESCRIBE decisions',
    'EXPLAIN SELECT count() FROM events',
    'EXISTS TABLE events',
    "SELECT name FROM system.tables WHERE database = 'millrace' LIMIT 1",
  ])('[J8] %s is answered', async (sql) => {
    expect(await ask(sql)).toMatchObject({ kind: 'rows' });
  });

  const attacks: readonly (readonly [string, string | number])[] = [
    ["SELECT file('/etc/passwd')", 'refused'],
    ["SELECT `file`('/etc/passwd')", 'refused'],
    ['SELECT "FILE" /* */ (\'/etc/passwd\')', 'refused'],
    ["SELECT * FROM file('/etc/passwd', 'LineAsString')", 'refused'],
    ["DESC file('/etc/passwd', 'LineAsString')", 'refused'],
    ["SELECT (SELECT * FROM file('/etc/passwd', 'LineAsString') LIMIT 1)", 'refused'],
    ["SELECT * FROM url('URL', 'CSV', 'a UInt8')", 'refused'],
    ["SELECT * FROM (SELECT * FROM url('URL', 'CSV', 'a UInt8') SETTINGS readonly = 0)", 'refused'],
    ["SELECT * FROM s3('URL', 'CSV', 'a UInt8')", 'refused'],
    ["SELECT * FROM remote('127.0.0.1', 'system.one')", 'refused'],
    ["SELECT * FROM executable('id', 'TSV', 'a String')", 'refused'],
    ["SELECT * FROM sqlite('/tmp/x.db', 't')", 'refused'],
    [`SELECT 1 INTO OUTFILE '${outfile}'`, 'refused'],
    [`SELECT 1 INTO /* */ outfile '${outfile}' FORMAT CSV`, 'refused'],
    ['SELECT 1; DROP TABLE events', 62],
    ["SELECT 1;\n\nINSERT INTO events (topic) VALUES ('x')", 62],
    ['SELECT $a$; $a$; DROP TABLE events', 62],
    ['KILL QUERY WHERE 1 SYNC', 'refused'],
    ["INSERT INTO live_versions SELECT 'x', 1, now64(3), 1", 'refused'],
    ['WITH 1 AS x INSERT INTO other SELECT toString(x)', 'refused'],
    ['/* SELECT */ DROP TABLE events', 'refused'],
    ['-- SELECT\nTRUNCATE TABLE events', 'refused'],
    ['ALTER TABLE events DELETE WHERE 1', 'refused'],
    ['OPTIMIZE TABLE events FINAL', 'refused'],
    ['CREATE TABLE x (a UInt8) ENGINE = Memory', 'refused'],
    ['SYSTEM SHUTDOWN', 'refused'],
    ['SYSTEM FLUSH LOGS', 'refused'],
    ['SET readonly = 0', 'refused'],
    ['SET ROLE millrace_all', 'refused'],
    ['USE default', 'refused'],
    ["ATTACH TABLE x FROM '/tmp'", 'refused'],
    ["BACKUP DATABASE millrace TO File('/tmp/x')", 'refused'],
    ['GRANT ALL ON *.* TO default', 'refused'],
    ['SELECT 1 SETTINGS readonly = 0', 'refused'],
    ['SELECT * FROM (SELECT 1 SETTINGS max_execution_time = 0)', 'refused'],
    ['SELECT query FROM system.processes', 'refused'],
    ['SELECT * FROM system . users', 'refused'],
    ['SELECT secret FROM default.other', 497],
    ["SELECT * FROM merge('default', '.*')", 'refused'],
    ['SHOW PROCESSLIST', 'refused'],
    ['SHOW GRANTS', 'refused'],
    ['EXPLAIN SELECT secret FROM default.other', 497],
    ['SELECT sleep(3)', 'refused'],
  ];

  test.each(attacks)('[J8] %s comes to nothing: %s', async (sql, expected) => {
    const outcome = await ask(sql.replace('URL', url));
    const said = outcome.kind === 'failed' ? outcome.fault.code : outcome.kind;
    expect(said).toBe(expected);
  });

  test('[J8] after all attacks nothing was written, asked for or lost', async () => {
    expect(calls).toBe(0);
    expect(existsSync(outfile)).toBe(false);
    expect(await clickhouse.rows('SELECT count() FROM other')).toEqual([['1']]);
    expect(await clickhouse.rows(`SELECT count() FROM ${database}.live_versions`)).toEqual([['0']]);
    expect(
      await clickhouse.rows("SELECT count() FROM system.tables WHERE database = 'millrace' AND name = 'events'"),
    ).toEqual([['1']]);
  });

  test('[J8] without the guard the rights and `readonly` of the session still stop writes, addresses and other databases', async () => {
    const bare = (query: string) =>
      reader
        .query({ query, role: readingRole, clickhouse_settings: { readonly: '1' }, format: 'JSONCompact' })
        .then((result) => result.text());
    for (const sql of [
      'SELECT secret FROM default.other',
      `SELECT * FROM url('${url}', 'CSV', 'a UInt8')`,
      "SELECT * FROM file('/etc/passwd', 'LineAsString')",
      'SELECT name FROM system.users',
    ])
      await expect(bare(sql)).rejects.toThrow(/Not enough privileges|readonly/);
    await expect(reader.command({ query: 'DROP TABLE events', role: readingRole })).rejects.toThrow(/privileges/);
    expect(calls).toBe(0);
  });

  // Each far below the other limits: a busy machine may take its time until the memory is full.
  test.each([
    ['time', { timeMaxMs: 1_000 }, 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)', 159],
    ['memory', {}, 'SELECT length(groupArray(number)) FROM numbers(1000000000)', 241],
    ['bytes', {}, "SELECT repeat('x', 200000)", 396],
  ])('[J8] too much %s ends the statement', async (_what, over, sql, code) => {
    const of = { client: clickhouse.client, reader, role: readingRole, limits: { ...limits, ...over } };
    const query = createReadOnlyQuery(of);
    expect(await query(sql, new AbortController().signal)).toMatchObject({ kind: 'failed', fault: { code } });
  });

  test('[J8] an error has the engine’s code, name and message, and its place in the text', async () => {
    expect(await ask('SELECT 1\n  FROMM events x')).toMatchObject({
      fault: {
        code: 62,
        name: 'SYNTAX_ERROR',
        message: expect.stringContaining('Syntax error'),
        position: { line: 2 },
      },
    });
    expect(await ask('SELECT outcom\nFROM decisions')).toMatchObject({
      fault: { code: 47, name: 'UNKNOWN_IDENTIFIER', position: { offset: 7, line: 1, column: 8 } },
    });
    expect((await ask('')) as object).toMatchObject({ kind: 'failed', fault: { code: 62 } });
  });

  test('[J8] a ClickHouse that is away is told apart', async () => {
    const nobody = connectClickHouse({ url: 'http://127.0.0.1:1' });
    const query = createReadOnlyQuery({ client: nobody, reader: nobody, limits });
    expect(await query('SELECT 1', new AbortController().signal)).toEqual({ kind: 'unavailable' });
    await nobody.close();
  });
});
