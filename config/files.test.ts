import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { expect, test } from 'vitest';
import { listOptions } from './options.ts';
import { renderJsonSchema, renderYaml } from './render.ts';
import { configSchema } from './schema.ts';
import { readSecret } from './secrets.ts';

const yaml = readFileSync(new URL('./millrace.yaml', import.meta.url), 'utf8');

test('config/millrace.yaml lists every option with its default', () => {
  expect(parse(yaml)).toEqual(configSchema.parse({}));
});

test('config/millrace.yaml and its JSON Schema are as `npm run config` writes them', () => {
  expect(yaml).toBe(renderYaml());
  expect(readFileSync(new URL('./millrace.schema.json', import.meta.url), 'utf8')).toBe(renderJsonSchema());
});

test('every option says what it means and has its own environment variable', () => {
  const options = listOptions();
  expect(options.filter((option) => option.description.length < 8)).toEqual([]);
  expect(new Set(options.map((option) => option.environmentName)).size).toBe(options.length);
  expect(options.map((option) => option.environmentName)).toContain('MILLRACE_CLICKHOUSE_TTL_DAYS_ORDER_LOG');
});

test('a number carries its unit at the end of its name, or counts what the name says', () => {
  const units = /(Ms|Bytes|BytesMax|RowsMax|RecordsMax|MessagesMax|KeysMax|IdsMax|QueueMax|Share|PerSecond)$/;
  const counts = [
    'port',
    'clickhousePort',
    'partitions',
    'replicas',
    'instances',
    'keep',
    'pipelineDepth',
    'seed',
    'version',
    'shards',
    'keysMax',
    'listItemsMax',
    'clientsMax',
    'rowsMax',
    'concurrentMax',
    'seriesMax',
    'anomalyScore',
    'alarmsPerDayMax',
    'terminalPort',
    'pendingMax',
    'deadMax',
  ];
  const days = (path: readonly string[]) => path.includes('ttlDays') || path.includes('retentionDays');
  const odd = listOptions().filter(({ type, path }) => {
    const name = path.at(-1) ?? '';
    return type === 'number' && !units.test(name) && !counts.includes(name) && !days(path) && name !== 'dedupeIdsMax';
  });
  expect(odd).toEqual([]);
});

test('a secret is read from a variable or a file, and is never in a message', () => {
  expect(readSecret('', {})).toBeNull();
  expect(readSecret('env:A', { A: 'secret' })).toBe('secret');
  expect(() => readSecret('env:A', {})).toThrow('env:A is not set');
  expect(() => readSecret('file:/no/such', {})).toThrow('file:/no/such cannot be read (ENOENT)');
});
