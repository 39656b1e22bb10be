import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../config/load.ts';
import { serviceNames } from '../main.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';

interface ComposeService {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: unknown;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

const root = new URL('../', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, root), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const dockerfile = read('Dockerfile');
const imageEnv = Object.fromEntries(
  [...dockerfile.matchAll(/(MILLRACE_\w+)=(\S+)/g)]
    .filter(([, name]) => name !== 'MILLRACE_SERVER_PORT')
    .map(([, name, value]) => [name, value]),
);
const ours = Object.entries(compose.services).filter(([, { build }]) => build !== undefined);

/** `${NAME:-default}` as compose fills it in; a variable that must be given stands for any text. */
const filled = (value: string): string =>
  value.replace(/\$\{\w+:-([^}]*)\}/g, '$1').replace(/\$\{\w+:\?[^}]*\}/g, 'given');

const configOf = ({ environment }: ComposeService) => {
  const env = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, filled(String(value))]));
  const warnings: string[] = [];
  const config = loadConfig({ env: { ...imageEnv, ...env }, warn: (message) => warnings.push(message) });
  return { config, warnings };
};

describe('docker-compose.yml', () => {
  it('gives millrace only variables that its configuration knows, and a configuration that it takes', () => {
    expect(ours.length).toBeGreaterThan(1);
    for (const [, service] of ours) expect(configOf(service).warnings).toEqual([]);
  });

  it('runs each service once, by names that --only takes, and together all of them', () => {
    const named = ours.flatMap(([, { command = [] }]) => (command[command.indexOf('--only') + 1] ?? '').split(','));
    const [, first] = ours[0] ?? [];
    if (!first) throw new Error('no service of ours');
    const { config } = configOf(first);
    const context = { config, env: {}, clock: systemClock, logger: silentLogger, metrics: createMetrics() };
    // No RabbitMQ in it: the bridge is for who has one.
    const all = serviceNames(context).filter((name) => name !== 'amqp');
    expect([...named].toSorted()).toEqual(all.toSorted());
  });

  it('asks for health where somebody answers: /livez of the one that runs http', () => {
    expect(dockerfile).toMatch(/^HEALTHCHECK .*\/livez/m);
    for (const [name, { command = [], healthcheck }] of ours) {
      const runsHttp = (command[command.indexOf('--only') + 1] ?? '').split(',').includes('http');
      expect(healthcheck, name).toEqual(runsHttp ? undefined : { disable: true });
    }
    for (const name of ['kafka', 'clickhouse'])
      expect(compose.services[name]?.healthcheck, name).toMatchObject({ test: expect.any(Array) });
  });

  it('runs Apache Kafka as its own controller, ClickHouse of the 26 line, and builds with Node 24', () => {
    const { kafka, clickhouse } = compose.services;
    expect(kafka?.image).toMatch(/^apache\/kafka:4\./);
    expect(kafka?.environment['KAFKA_PROCESS_ROLES']).toBe('broker,controller');
    expect(clickhouse?.image).toMatch(/^clickhouse\/clickhouse-server:26\./);
    expect(dockerfile).toMatch(/^FROM node:24-bookworm AS build$/m);
    expect(dockerfile).toMatch(/^FROM node:24-bookworm-slim$/m);
  });

  it('points at services and ports that are there', () => {
    for (const [, service] of ours) {
      const { config } = configOf(service);
      const [brokerHost = '', brokerPort] = config.kafka.brokers.split(':');
      const kafka = compose.services[brokerHost];
      expect(String(kafka?.environment['KAFKA_ADVERTISED_LISTENERS'])).toContain(
        `PLAINTEXT://${brokerHost}:${brokerPort}`,
      );
      const clickhouse = new URL(config.clickhouse.url);
      expect(compose.services[clickhouse.hostname]?.ports?.some((ports) => ports.endsWith(`:${clickhouse.port}`))).toBe(
        true,
      );
      expect(compose.services[clickhouse.hostname]?.environment['CLICKHOUSE_USER']).toBe(config.clickhouse.user);
      for (const ports of service.ports ?? []) expect(ports.split(':').at(-1)).toBe(String(config.server.port));
      for (const volume of service.volumes ?? []) {
        const [name = '', path] = volume.split(':');
        expect(Object.keys(compose.volumes)).toContain(name);
        expect(path).toBe(config.embedded.dataDir);
      }
    }
  });

  it('waits for health before it starts ours, and lets nobody else reach a port', () => {
    for (const [, { depends_on: needs = {} }] of ours)
      for (const [name, { condition }] of Object.entries(needs)) {
        expect(condition).toBe('service_healthy');
        expect(compose.services[name]?.healthcheck).toBeDefined();
      }
    for (const { ports = [] } of Object.values(compose.services))
      for (const mapping of ports) expect(mapping).toMatch(/^127\.0\.0\.1:/);
  });

  it('gives topics as many partitions as millrace is configured for', () => {
    const partitions = String(compose.services['kafka']?.environment['KAFKA_NUM_PARTITIONS']);
    for (const [, service] of ours) expect(String(configOf(service).config.kafka.partitions)).toBe(partitions);
  });
});

describe('the Dockerfile', () => {
  it('copies only what is there, .npmrc before npm ci', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) =>
      names.split(' '),
    );
    expect(copied).toContain('.npmrc');
    expect(dockerfile.indexOf('.npmrc')).toBeLessThan(dockerfile.indexOf('npm ci'));
    for (const name of copied) expect(existsSync(new URL(name, root)), name).toBe(true);
  });

  it('runs without root the program that the package names', () => {
    const { bin } = JSON.parse(read('package.json')) as { readonly bin: { readonly millrace: string } };
    expect(dockerfile).toContain(`ENTRYPOINT ["node", "${bin.millrace}"]`);
    expect(dockerfile).toMatch(/^USER node$/m);
  });
});
