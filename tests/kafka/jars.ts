import { spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the broker's jars are, or why there are none. */
export type BrokerJars =
  | { readonly kind: 'here'; readonly folder: string; readonly version: string }
  | { readonly kind: 'missing'; readonly reason: string };

const version = '4.1.0';
const javaFloor = 17;
const fetchTimeoutMs = 300_000;
const pom = fileURLToPath(new URL('pom.xml', import.meta.url));
const hashes = fileURLToPath(new URL('jars.sha256', import.meta.url));

let known: BrokerJars | undefined;

/**
 * The jars of Apache Kafka, every one of the hash that `jars.sha256` lists. Fetched once from Maven Central by `mvn` into the
 * user's cache folder (`MILLRACE_KAFKA_JARS`: another one; with what is already there mvn is not needed). Looks once a process.
 */
export function brokerJars(env: NodeJS.ProcessEnv = process.env): BrokerJars {
  return (known ??= findJars(env));
}

function findJars(env: NodeJS.ProcessEnv): BrokerJars {
  const noJava = whyNoJava();
  if (noJava !== null) return missing(noJava);
  const folder = env['MILLRACE_KAFKA_JARS'] || join(cacheFolder(env), 'millrace', `kafka-${version}`);
  if (!existsSync(folder)) {
    const why = fetchJars(folder);
    if (why !== null) return missing(why);
  }
  const wrong = firstWrong(folder);
  if (wrong !== null) return missing(`${wrong}: remove ${folder}, or set MILLRACE_KAFKA_JARS`);
  return { kind: 'here', folder, version };
}

const missing = (reason: string): BrokerJars => ({ kind: 'missing', reason: `no Apache Kafka ${version}: ${reason}` });

const cacheFolder = (env: NodeJS.ProcessEnv): string => env['XDG_CACHE_HOME'] || join(homedir(), '.cache');

function whyNoJava(): string | null {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8', timeout: 120_000 });
  if (error) return 'no java (apt-get install -y openjdk-17-jre-headless maven)';
  const major = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
  return major >= javaFloor ? null : `java ${major || 'of an unknown version'}, ${javaFloor} is needed`;
}

/** Into a folder beside it first, so that what is under the name is whole. */
function fetchJars(folder: string): string | null {
  const fresh = `${folder}.${randomUUID().slice(0, 8)}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const args = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${fresh}`];
    const { error, status, stdout } = spawnSync('mvn', [...args, '-DincludeScope=runtime'], {
      encoding: 'utf8',
      timeout: fetchTimeoutMs,
      cwd: fresh,
    });
    if (error) return 'code' in error && error.code === 'ENOENT' ? 'no mvn (apt-get install -y maven)' : error.message;
    if (status !== 0) return `mvn could not fetch it: ${/\[ERROR\] (.*)/.exec(stdout)?.[1] ?? `exit code ${status}`}`;
    const wrong = firstWrong(fresh);
    if (wrong !== null) return wrong;
    mkdirSync(dirname(folder), { recursive: true });
    renameSync(fresh, folder);
    return null;
  } catch (error) {
    // Another process was faster: its jars are checked as ours are.
    return existsSync(folder) ? null : String(error);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** What is missing, changed, or too much in the folder, by the list; null when all is as it must be. */
function firstWrong(folder: string): string | null {
  const listed = new Map(
    readFileSync(hashes, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.slice(66), line.slice(0, 64)]),
  );
  const found = readdirSync(folder).filter((file) => file.endsWith('.jar'));
  const stranger = found.find((file) => !listed.has(file));
  if (stranger !== undefined) return `${stranger} is not in the list of hashes`;
  for (const [file, hash] of listed) {
    if (!found.includes(file)) return `${file} is missing`;
    const actual = createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex');
    if (actual !== hash) return `${file} is not the one that was listed (SHA-256 ${actual})`;
  }
  return null;
}
