import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import type { Logger } from '../../telemetry/logger.ts';

/**
 * Creates and changes the tables: numbered files, run once each, in order. Guarantees that the tables are those of this
 * build when it resolves. Running again changes nothing; a crash half-way is repaired by the next run, as every statement
 * may run twice.
 */

/** `edited`: a file that has run was changed since; `newer`: the database was made by a newer build; `name`: not a database name. */
export class MigrationError extends Error {
  readonly code: 'edited' | 'newer' | 'name' | 'files';
  constructor(code: MigrationError['code'], message: string) {
    super(message);
    this.name = 'MigrationError';
    this.code = code;
  }
}

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

const defaultFolder = new URL('./migrations/', import.meta.url);

/** Brings the database (created when missing) to this build. Returns the names of the migrations that ran. */
export async function migrate(
  client: ClickHouseClient,
  options: { readonly database: string; readonly logger: Logger; readonly migrations?: readonly Migration[] },
): Promise<readonly string[]> {
  const { database } = options;
  if (!/^[A-Za-z_]\w{0,62}$/.test(database))
    throw new MigrationError('name', `${database} is not a plain database name`);
  const migrations = options.migrations ?? (await loadMigrations());
  await createLedger(client, database);
  const applied = await readLedger(client, database);
  check(migrations, applied);
  const ran: string[] = [];
  for (const migration of migrations.filter(({ number }) => !applied.has(number))) {
    for (const query of statementsOf(migration.sql.replaceAll('{database}', database))) await client.command({ query });
    await client.insert({
      table: `${database}.migrations`,
      columns: ['number', 'name', 'sha256'],
      values: [[migration.number, migration.name, sha256(migration.sql)]],
      format: 'JSONCompactEachRow',
    });
    options.logger.info({ migration: migration.name }, 'ClickHouse migration applied');
    ran.push(migration.name);
  }
  return ran;
}

/** The files `NNNN_name.sql` of a folder, in order. */
export async function loadMigrations(folder: URL = defaultFolder): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name, i) => {
      if (Number(name.slice(0, 4)) !== i + 1 || name[4] !== '_')
        throw new MigrationError('files', `migration ${name} is out of order: expected number ${i + 1}`);
      return { number: i + 1, name, sql: await readFile(new URL(name, folder), 'utf8') };
    }),
  );
}

/** Statements end with `;` at the end of a line. */
export const statementsOf = (sql: string): readonly string[] =>
  sql
    .split(/;[ \t]*(?:\r?\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/--[^\n]*/g, '').trim() !== '');

async function createLedger(client: ClickHouseClient, database: string): Promise<void> {
  await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` });
  await client.command({
    query: `CREATE TABLE IF NOT EXISTS ${database}.migrations
      (number UInt32, name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
      ENGINE = ReplacingMergeTree ORDER BY number`,
  });
}

async function readLedger(client: ClickHouseClient, database: string): Promise<ReadonlyMap<number, string>> {
  const query = `SELECT number, sha256 FROM ${database}.migrations FINAL ORDER BY number`;
  const rows = await (await client.query({ query, format: 'JSONCompactEachRow' })).json<[number, string]>();
  return new Map(rows);
}

function check(migrations: readonly Migration[], applied: ReadonlyMap<number, string>): void {
  for (const [number, hash] of applied) {
    const migration = migrations.find((candidate) => candidate.number === number);
    if (!migration)
      throw new MigrationError(
        'newer',
        `the database has migration ${number}, which this build does not know: run a newer build`,
      );
    if (sha256(migration.sql) !== hash)
      throw new MigrationError(
        'edited',
        `migration ${migration.name} was changed after it ran: restore the file and add a new one`,
      );
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
