// Loads one native package in this process and says, as one line of JSON, what it found:
//   node scripts/probe.mjs node-rdkafka|confluent|chdb
// Always run as a child: the two Kafka clients must not meet in one process, and a broken native module may crash it.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const packages = { 'node-rdkafka': 'node-rdkafka', confluent: '@confluentinc/kafka-javascript', chdb: 'chdb' };

function probe(name) {
  const packageName = packages[name];
  if (!packageName) return { name, ok: false, reason: `unknown package; one of ${Object.keys(packages).join(', ')}` };
  try {
    const loaded = require(packageName);
    const version = versionOf(packageName);
    if (name === 'chdb') return { name, packageName, ok: true, version, engine: engineOf(loaded) };
    return { name, packageName, ok: true, version, librdkafka: loaded.librdkafkaVersion, features: loaded.features };
  } catch (error) {
    return { name, packageName, ok: false, reason: firstLine(error) };
  }
}

function versionOf(packageName) {
  try {
    return require(`${packageName}/package.json`).version.replace(/^v/, '');
  } catch {
    return null;
  }
}

function engineOf(chdb) {
  return chdb.query('SELECT version()', 'TabSeparated').trim();
}

function firstLine(error) {
  const code = error?.code === undefined ? '' : `${error.code}: `;
  return code + String(error?.message ?? error).split('\n', 1)[0];
}

process.stdout.write(`${JSON.stringify(probe(process.argv[2] ?? ''))}\n`);
process.exit(0);
