import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const folders = ['cli', 'embedded', 'kafka', 'server', 'sinks', 'sources', 'tasks', 'telemetry'];

/** Names given to `counter(`, `gauge(` and `histogram(`. */
function metricNames(): readonly string[] {
  const files = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.test\.|-suite\./.test(name))
      .map((name) => `${folder}/${name}`),
  );
  const calls = files.flatMap((file) => [
    ...read(file).matchAll(/(?:counter|gauge|histogram)\(\s*'(millrace_[a-z_]+)'/g),
  ]);
  return [...new Set(calls.map(([, name = '']) => name))];
}

test('docs/operations.md names every metric', () => {
  const docs = read('docs/operations.md');
  const names = metricNames();
  expect(names.length).toBeGreaterThan(30);
  expect(names.filter((name) => !docs.includes(`\`${name}\``))).toEqual([]);
});

test('every alarm of docs/operations.md is on a metric that exists', () => {
  const [, alarms = ''] = read('docs/operations.md').split('## Watch');
  const asked = [...(alarms.split('### Every metric')[0] ?? '').matchAll(/millrace_[a-z_]+/g)].map(([name]) => name);
  const names = new Set(metricNames());
  expect(asked.length).toBeGreaterThanOrEqual(8);
  expect(asked.filter((name) => !names.has(name))).toEqual([]);
});
