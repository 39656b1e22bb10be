// What `npm start` and `npm test` run first: node scripts/bootstrap.mjs start|test|install [args]
// Checks Node and the build tools, installs what is missing, sees that the native packages load, then hands over. No dependencies.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './child.mjs';
import { fingerprint, install, readStamp, whyInstall, writeStamp } from './install.mjs';
import { runTests } from './run-tests.mjs';
import { aptLine, missingTools, nodeHeaders } from './toolchain.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeFloor = [20, 19];

process.exitCode = await main(process.argv[2], process.argv.slice(3));

async function main(command, args) {
  if (command !== 'start' && command !== 'test' && command !== 'install')
    return fail('usage: node scripts/bootstrap.mjs start|test|install [arguments]', 2);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < nodeFloor[0] || (major === nodeFloor[0] && minor < nodeFloor[1]))
    return fail(
      `Node ${nodeFloor.join('.')} or newer is needed; this is ${process.versions.node} (${process.execPath})`,
    );
  const probes = await prepare();
  if (probes === null) return 1;
  const isGoing = command === 'start' ? maySkipEngine(args) : false;
  if (!report(probes, isGoing)) return 1;
  if (command === 'install') return 0;
  const env = environment(probes);
  if (command === 'test') return runTests(root, args, env);
  return runChild([join(root, 'cli', 'millrace.mjs'), 'start', ...args], { env, channel: true });
}

/** Installs when needed and probes the native packages; null when the install failed. A second start reads the stamp: some ms. */
async function prepare() {
  let stamp = readStamp(root);
  let why = whyInstall(root, stamp);
  const isCurrent = stamp?.fingerprint.lock === fingerprint(root).lock;
  if (!why && isCurrent && stamp.probes.every((found) => found.ok)) return stamp.probes;
  const tools = missingTools();
  if (!why && stamp?.missingTools?.length > 0 && tools.length < stamp.missingTools.length)
    why = 'the build tools that were missing are here now';
  if (why) {
    console.log(`millrace: ${why}; installing`);
    warnOfTools(tools);
    if ((await install(root)) !== 0) return null;
  }
  const probes = await Promise.all(['node-rdkafka', 'confluent', 'chdb'].map(probe));
  stamp = { fingerprint: fingerprint(root), probes, missingTools: tools };
  writeStamp(root, stamp);
  return probes;
}

function warnOfTools(tools) {
  if (tools.length > 0)
    console.warn(
      `millrace: missing here: ${tools.join(', ')}. Without them the Kafka clients cannot be built. On Debian or Ubuntu:\n  ${aptLine}`,
    );
  if (nodeHeaders() === null)
    console.warn(
      'millrace: no Node headers beside this Node: the build downloads them from nodejs.org (or set npm_config_nodedir)',
    );
}

/** In a child: the two Kafka clients must not meet in one process, and a broken native module may crash its process. */
function probe(name) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'scripts', 'probe.mjs'), name], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      try {
        resolve(JSON.parse(text));
      } catch {
        resolve({ name, ok: false, reason: `its process ended with ${signal ?? code}` });
      }
    });
  });
}

/** Says what is missing; false when it cannot go on. */
function report(probes, maySkip) {
  const missing = probes.filter((found) => !found.ok);
  if (missing.length === 0) return true;
  for (const found of missing) console.warn(`millrace: ${found.name} does not load: ${found.reason}`);
  const tools = missingTools();
  if (missing.some((found) => found.name !== 'chdb'))
    console.warn(
      tools.length > 0
        ? `millrace: missing to build it: ${tools.join(', ')}. On Debian or Ubuntu:\n  ${aptLine}\nthen run this again`
        : 'millrace: the build tools are here; to see why it was not built: rm -rf node_modules && npm ci --foreground-scripts',
    );
  if (isAllRequired()) return fail('CI or MILLRACE_REQUIRE_ALL is set: all of it is required', false);
  const hasClient = probes.some((found) => found.ok && found.name !== 'chdb');
  const hasEngine = probes.some((found) => found.ok && found.name === 'chdb');
  if (!hasClient) return fail('no Kafka client loads: at least one is needed', false);
  if (hasEngine || maySkip) return true;
  return fail('the embedded ClickHouse (chdb) is needed, or a real one: MILLRACE_CLICKHOUSE_URL or --config', false);
}

/** With a ClickHouse of the user's own the embedded engine is not needed; the configuration itself is checked later. */
function maySkipEngine(args) {
  const { MILLRACE_CLICKHOUSE_URL: url, MILLRACE_CONFIG: file } = process.env;
  return (
    Boolean(url) ||
    Boolean(file) ||
    args.some((arg) => arg === '--config' || arg.startsWith('--config=') || arg === '-c')
  );
}

function environment(probes) {
  const env = { ...process.env };
  // .npmrc's node-options are for builds; npm hands them to its scripts as well.
  if (env.NODE_OPTIONS?.startsWith('--import=data:') && env.NODE_OPTIONS.includes('CKJS_LINKING'))
    delete env.NODE_OPTIONS;
  // Each blocking call of a Kafka client holds one of libuv's threads, of which there are four by default.
  env.UV_THREADPOOL_SIZE ??= '16';
  const clients = probes.filter((found) => found.ok && found.name !== 'chdb').map((found) => found.name);
  if (clients.length === 1 && !env.MILLRACE_KAFKA_DRIVER) {
    env.MILLRACE_KAFKA_DRIVER = clients[0];
    console.warn(`millrace: going on with the Kafka client ${clients[0]}`);
  }
  return env;
}

function isAllRequired() {
  return [process.env.CI, process.env.MILLRACE_REQUIRE_ALL].some(
    (value) => value && value !== '0' && value !== 'false',
  );
}

function fail(message, result = 1) {
  console.error(`millrace: ${message}`);
  return result;
}
