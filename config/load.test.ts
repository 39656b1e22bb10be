import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, type ConfigFault } from './faults.ts';
import { loadConfig } from './load.ts';
import { configSchema } from './schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function fileOf(yaml: string): string {
  const file = join(folder, `config-${files++}.yaml`);
  writeFileSync(file, yaml);
  return file;
}

function load(yaml: string, env: Record<string, string> = {}, warn?: (message: string) => void) {
  return loadConfig({ file: fileOf(yaml), env, ...(warn ? { warn } : {}) });
}

/** `line:column path` (or the variable) of each fault, and its message. */
function faultsOf(yaml: string, env: Record<string, string> = {}): readonly (readonly [string, string])[] {
  try {
    load(yaml, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((fault: ConfigFault) => [
      `${fault.where.replace(/^.*\.yaml:/, '')} ${fault.path}`.trim(),
      fault.message,
    ]);
  }
  return [];
}

describe('loading', () => {
  test('an empty file and no file both give the defaults', () => {
    expect(load('')).toEqual(configSchema.parse({}));
    expect(loadConfig({ env: {} })).toEqual(configSchema.parse({}));
  });

  test('the environment wins over the file, and the file over the defaults', () => {
    const config = load('server: { port: 1, bodyBytesMax: 2048 }', {
      MILLRACE_SERVER_PORT: '2',
      MILLRACE_PIPELINES_REVENUE_ENABLED: 'false',
    });
    expect(config.server).toMatchObject({ port: 2, bodyBytesMax: 2048, host: '127.0.0.1' });
    expect(config.pipelines.revenue.enabled).toBe(false);
  });

  test('lists come from the environment with commas', () => {
    const config = load('', { MILLRACE_SERVER_ALLOWED_ORIGINS: 'https://a.example, https://b.example' });
    expect(config.server.allowedOrigins).toEqual(['https://a.example', 'https://b.example']);
  });

  test('a reference in a value is replaced, with its default where the variable is missing or empty, and takes the type of its option', () => {
    const yaml =
      'server: { port: "${PORT:-4701}" }\nkafka: { brokers: "${HOST}:${KAFKA_PORT:-9092}", clientId: "a${NOTHING:-}b" }';
    const config = load(yaml, { HOST: 'kafka', KAFKA_PORT: '' });
    expect(config.server.port).toBe(4701);
    expect(config.kafka).toMatchObject({ brokers: 'kafka:9092', clientId: 'ab' });
  });

  test('a reference to nothing, or one that is none, is a fault at its place', () => {
    expect(faultsOf('server:\n  host: ${NO_SUCH}\n  jwt: { issuer: "${1x}" }')).toEqual([
      ['2:9', '${NO_SUCH} is not set: set it, or write ${NO_SUCH:-default}'],
      ['3:18', '${1x} is not a reference: write ${NAME} or ${NAME:-default}'],
    ]);
  });

  test('an unknown variable of ours is a warning with a guess', () => {
    const warnings: string[] = [];
    load('', { MILLRACE_SERVER_PRT: '1', MILLRACE_PORT_80_TCP: 'tcp://10.0.0.1' }, (message) => warnings.push(message));
    expect(warnings[0]).toBe('environment MILLRACE_SERVER_PRT is no option; did you mean MILLRACE_SERVER_PORT?');
    expect(warnings).toHaveLength(2);
  });
});

describe('faults of form', () => {
  test('all come at once, each with line and column, path and what to do', () => {
    const yaml = 'server:\n  port: x\n  prot: 3\ntime:\n  idleMs:\ntasks: { startFrom: monday }\nlog: [1]\n';
    expect(faultsOf(yaml).map(([where, message]) => `${where}: ${message.replace(/ \(.*/, '')}`)).toEqual([
      '2:9 server.port: must be a number',
      '3:3 server.prot: unknown option; did you mean port?',
      '5:3 time.idleMs: has no value: give a number or take the line out',
      '6:21 tasks.startFrom: must be earliest, latest or a time such as 2026-01-31T00:00:00Z',
      '7:6 log: must be a block of options',
    ]);
  });

  test('a wrong value from the environment names its variable', () => {
    expect(faultsOf('', { MILLRACE_SERVER_PORT: '70000' })).toEqual([
      ['environment MILLRACE_SERVER_PORT server.port', expect.stringContaining('must be at most 65535')],
    ]);
  });

  test('a plain secret is refused without being repeated', () => {
    const faults = faultsOf(
      'clickhouse:\n  password: hunter2\n  passwordRef: hunter2\nserver: { apiKeyRefs: [hunter2] }',
    );
    expect(faults.map(([where]) => where)).toEqual([
      '2:3 clickhouse.password',
      '3:16 clickhouse.passwordRef',
      '4:24 server.apiKeyRefs.0',
    ]);
    expect(JSON.stringify(faults)).not.toContain('hunter2');
  });

  test('broken YAML, a key given twice, a list, and too many aliases are named', () => {
    expect(faultsOf('server: {')[0]?.[1]).toMatch(/^not valid YAML/);
    expect(faultsOf('log: {}\nlog: {}')).toEqual([['2:1', 'not valid YAML: Map keys must be unique']]);
    expect(faultsOf('- 1')[0]?.[1]).toMatch(/^must be a block of options/);
    const bomb = [
      'a: &a [x, x]',
      ...[...'bcdefghi'].map((name, i) => `${name}: &${name} [*${'abcdefgh'[i]}, *${'abcdefgh'[i]}]`),
    ];
    expect(faultsOf(bomb.join('\n'))[0]?.[1]).toMatch(/^cannot be used: .*alias/);
  });

  test('a file that is too large or not there is named', () => {
    expect(faultsOf(`# ${'x'.repeat(1_048_576)}`)[0]?.[1]).toMatch(/^larger than 1048576 bytes/);
    expect(() => loadConfig({ file: join(folder, 'none.yaml'), env: {} })).toThrow(/none.yaml: no such file/);
  });
});

describe('faults between options', () => {
  test.each([
    ['server: { host: 0.0.0.0 }', 'server.host'],
    ['server: { jwt: { issuer: me, audience: you } }', 'server.jwt'],
    ['server: { port: 18123 }', 'embedded.clickhousePort'],
    ['instances: 2', 'instances'],
    ['instances: 2\nkafka: { brokers: "h:1", membership: solo }\nclickhouse: { url: http://h }', 'kafka.membership'],
    ['tasks: { startFrom: 2026-01-01T00:00:00Z }', 'tasks.startFrom'],
    ['tasks: { ownerSilenceMs: 4000 }', 'tasks.ownerSilenceMs'],
    ['time: { dedupeHorizonMs: 3600000 }', 'time.dedupeHorizonMs'],
    ['clickhouse: { ttlDays: { orderLog: 7 } }', 'clickhouse.ttlDays.orderLog'],
    ['kafka: { brokers: "h:1", security: { protocol: sasl_ssl } }', 'kafka.security'],
    ['kafka: { security: { protocol: ssl } }', 'kafka.security.protocol'],
    ['kafka: { gate: "127.0.0.1:1" }', 'kafka.gate'],
    ['pipelines: { revenue: { shards: 5 } }', 'pipelines.revenue.shards'],
    ['pipelines: { fraud: { shards: 2 } }', 'pipelines.fraud.shards'],
    ['pipelines: { predictions: { shards: 4 } }', 'pipelines.predictions.shards'],
  ])('%j is refused at %s', (yaml, path) => {
    expect(faultsOf(yaml).map(([where]) => where.split(' ')[1])).toEqual([path]);
  });

  test('a host that others reach is allowed with an API key that can be read', () => {
    const yaml = 'server: { host: 0.0.0.0, apiKeyRefs: [env:KEY] }';
    expect(load(yaml, { KEY: 'k' }).server.host).toBe('0.0.0.0');
    expect(faultsOf(yaml)).toEqual([['1:39 server.apiKeyRefs.0', 'env:KEY is not set']]);
    expect(loadConfig({ file: fileOf(yaml), env: {}, checkSecrets: false }).server.host).toBe('0.0.0.0');
  });
});

describe('webhooks', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const hook = 'name: ops, url: "https://hooks.example/x"';

  test('[H7] endpoints have defaults, one or two secrets by reference, and may come from the environment as JSON', () => {
    const config = load(`webhooks: { endpoints: [{ ${hook}, secretRefs: [env:NEW, env:OLD] }] }`, {
      NEW: secret,
      OLD: secret,
    });
    expect(config.webhooks.endpoints).toMatchObject([
      { severityMin: 'low', pipelines: [], timeoutMs: 15_000, inFlightMax: 4 },
    ]);
    const json = JSON.stringify([
      { name: 'ops', url: 'http://10.0.0.1/', secretRefs: ['env:NEW'], allowAddresses: ['10.0.0.0/8'] },
    ]);
    const fromEnvironment = load('', { MILLRACE_WEBHOOKS_ENDPOINTS: json, NEW: secret });
    expect(fromEnvironment.webhooks.endpoints[0]?.allowAddresses).toEqual(['10.0.0.0/8']);
  });

  test.each([
    [`secretRefs: ["${secret}"]`, 'secretRefs.0', /only given by reference/],
    [`secretRefs: [env:A], secret: "${secret}"`, 'secret', /use secretRefs: env:NAME or file:/],
    ['secretRefs: []', 'secretRefs', /at least 1/],
    ['secretRefs: [env:A, env:A, env:A]', 'secretRefs', /at most 2/],
    ['secretRefs: [env:WEAK]', 'secretRefs.0', /env:WEAK must hold whsec_ and 24 to 64 bytes/],
    ['secretRefs: [env:NONE]', 'secretRefs.0', /env:NONE is not set/],
    [
      'secretRefs: [env:A], allowAddresses: [10.0.0.0/40]',
      'allowAddresses.0',
      /10.0.0.0\/40 is no address and no range/,
    ],
    ['secretRefs: [env:A], severityMin: awful', 'severityMin', /must be one of low, medium, high/],
  ])('[H7] {%s} is a fault, and its message holds no secret', (options, path, message) => {
    const faults = faultsOf(`webhooks: { endpoints: [{ ${hook}, ${options} }] }`, { A: secret, WEAK: 'whsec_AAAA' });
    const [fault] = faults.filter(([where]) => where.endsWith(`webhooks.endpoints.0${path && '.'}${path}`));
    expect(fault?.[1]).toMatch(message);
    for (const [, text] of faults) expect(text).not.toContain(secret);
  });

  test('names are unique, and `terminal` is ours', () => {
    const both = `{ ${hook}, secretRefs: [env:A] }`;
    const named = both.replace('ops', 'terminal');
    expect(
      faultsOf(`webhooks: { endpoints: [${both}, ${both}, ${named}] }`, { A: secret }).map(([, text]) => text),
    ).toEqual(['ops is the name of another endpoint', 'terminal is the one of this machine']);
  });
});
