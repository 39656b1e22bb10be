import { dirname, posix } from 'node:path';
import { isTest, type Fault, type Module } from './module.ts';

/** The seams: whoever needs one may import it. */
const contracts = [
  'kafka/contract.ts',
  'sources/source.ts',
  'sinks/sink.ts',
  'sinks/contract.ts',
  'checkpoints/store.ts',
  'tasks/contract.ts',
  'streams/batch.ts',
  'processors/processor.ts',
];

interface Layer {
  /** Folders besides its own, and contracts, that it may import from. `*`: all. */
  readonly imports: readonly string[];
  /** As `imports`, for types alone. */
  readonly types?: readonly string[];
  /** False: not even contracts. */
  readonly contracts?: false;
}

const edge: Layer = { imports: ['events', 'live', 'kafka', 'telemetry'] };
const everything: Layer = { imports: ['*'] };

/** Who may import from where: the root folders, and the files that stand in the root itself. */
const layers: Readonly<Record<string, Layer>> = {
  'main.ts': everything,
  'pipeline.ts': { imports: ['events', 'streams'] },
  'vitest.config.ts': { imports: [], contracts: false },
  events: { imports: [], contracts: false },
  telemetry: { imports: [], contracts: false },
  config: { imports: [], contracts: false },
  live: { imports: ['events'] },
  kafka: { imports: ['telemetry'] },
  streams: { imports: [] },
  processors: { imports: ['events', 'streams'] },
  tasks: { imports: [], types: ['telemetry'] },
  sources: edge,
  sinks: edge,
  checkpoints: edge,
  embedded: edge,
  server: edge,
  dashboards: { imports: ['events', 'live'], contracts: false },
  cli: everything,
  scripts: everything,
  tests: everything,
  bench: everything,
};

const kafkaPackages = ['node-rdkafka', '@confluentinc/kafka-javascript', '@platformatic/kafka'];

/** Packages that talk to another system, each under the name of what it talks to. */
const clientLibraries: readonly (readonly [pattern: RegExp, library: string])[] = [
  [/^(node-rdkafka|@confluentinc\/kafka-javascript|@platformatic\/kafka)(\/|$)/, 'Kafka'],
  [/^@clickhouse\//, '@clickhouse/client'],
  [/^chdb(\/|$)/, 'chdb'],
  [/^ws$/, 'ws'],
  [/^(fastify|@fastify\/.*|fastify-.*)$/, 'fastify'],
  [/^undici$/, 'undici'],
  [/^(amqplib|rabbitmq-client)(\/|$)/, 'AMQP'],
  [/^classic-level$/, 'classic-level'],
];

/** Imports that go up or sideways, by the table above; tests may import anything of ours. */
export function layerFaults(module: Module): readonly Fault[] {
  if (isTest(module.path)) return [];
  const layer = layers[layerOf(module.path)];
  if (!layer)
    return [{ where: module.path, message: 'stands outside the folders of the design: give its folder a rule' }];
  return module.imports.flatMap(({ specifier, line, isTypeOnly }) => {
    const target = targetOf(module.path, specifier);
    if (target === null || mayImport(layer, module.path, target, isTypeOnly)) return [];
    return [{ where: `${module.path}:${line}`, message: `${layerOf(module.path)} must not import ${target}` }];
  });
}

/** The Kafka packages are known to `kafka/` alone, tests included. */
export function kafkaPackageFaults(module: Module): readonly Fault[] {
  if (layerOf(module.path) === 'kafka') return [];
  return module.imports
    .filter(({ specifier }) => kafkaPackages.some((name) => specifier === name || specifier.startsWith(`${name}/`)))
    .map(({ specifier, line }) => ({ where: `${module.path}:${line}`, message: `only kafka/ imports ${specifier}` }));
}

/** At most one client library in a folder of sources, sinks, checkpoints, embedded, server and live. */
export function clientLibraryFaults(modules: readonly Module[]): readonly Fault[] {
  const owners = ['sources', 'sinks', 'checkpoints', 'embedded', 'server', 'live'];
  const used = new Map<string, Set<string>>();
  for (const module of modules.filter(({ path }) => !isTest(path) && owners.includes(layerOf(path)))) {
    const folder = dirname(module.path);
    for (const { specifier } of module.imports) {
      const library = clientLibraries.find(([pattern]) => pattern.test(specifier))?.[1];
      if (library) used.set(folder, (used.get(folder) ?? new Set()).add(library));
    }
  }
  return [...used]
    .filter(([, libraries]) => libraries.size > 1)
    .map(([folder, libraries]) => ({
      where: folder,
      message: `owns ${[...libraries].join(' and ')}: one client library a folder`,
    }));
}

/** No I/O where a fold runs, and nothing of Node where a browser runs. */
export function platformFaults(module: Module): readonly Fault[] {
  if (isTest(module.path)) return [];
  const forbidden = forbiddenIn[layerOf(module.path)];
  if (!forbidden) return [];
  return module.imports
    .filter(({ specifier, isTypeOnly }) => !isTypeOnly && forbidden.test(specifier))
    .map(({ specifier, line }) => ({
      where: `${module.path}:${line}`,
      message: `${specifier} has no place in ${layerOf(module.path)}`,
    }));
}

const io = /^(node:)?(fs|net|http|https|http2|dgram|dns|tls|child_process|worker_threads|cluster|timers)(\/|$)/;
const forbiddenIn: Readonly<Record<string, RegExp>> = {
  events: /^node:/,
  live: /^node:/,
  streams: io,
  processors: io,
  tasks: io,
  'pipeline.ts': io,
};

function layerOf(path: string): string {
  return path.split('/', 1)[0] ?? path;
}

/** What a relative import points at, from the root; null for packages. */
function targetOf(path: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.normalize(posix.join(dirname(path), specifier)) : null;
}

function mayImport(layer: Layer, path: string, target: string, isTypeOnly: boolean): boolean {
  const to = layerOf(target);
  if (layer.imports.includes('*') || to === layerOf(path) || layer.imports.includes(to)) return true;
  if (layer.contracts !== false && contracts.includes(target)) return true;
  return isTypeOnly && (layer.types ?? []).includes(to);
}
