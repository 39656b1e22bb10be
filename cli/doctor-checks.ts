import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { holderOfPort } from './port-holder.ts';

/** One finding of `millrace doctor`. */
export interface Check {
  readonly name: string;
  /** warning: works without it, or partly. */
  readonly state: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  /** What to do about it. */
  readonly todo?: string;
  /** Further data for --json. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Below this ClickHouse begins to refuse inserts soon. */
const diskLowBytes = 2 * 1024 ** 3;
const probeTimeoutMs = 60_000;

/** The running Node against the floor of package.json. */
export function checkNode(version: string = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  const base = { name: 'Node', detail: `${version} (${process.execPath})` };
  return isEnough ? { ...base, state: 'ok' } : { ...base, state: 'failed', todo: 'install Node 20.19, 22 or 24' };
}

interface Probe {
  readonly ok: boolean;
  readonly version?: string;
  readonly librdkafka?: string;
  readonly features?: readonly string[];
  readonly engine?: string;
  readonly reason?: string;
}

/** Loads a native package in a child process and says its versions and what it was built with. */
export async function probeNative(name: 'node-rdkafka' | 'confluent' | 'chdb'): Promise<Check> {
  const title = name === 'chdb' ? 'embedded ClickHouse chdb' : `Kafka client ${name}`;
  const found = await probe(name);
  if (!found.ok)
    return {
      name: title,
      state: 'failed',
      detail: `does not load: ${found.reason}`,
      todo: 'rm -rf node_modules && npm start',
    };
  const data = { version: found.version, librdkafka: found.librdkafka, features: found.features, engine: found.engine };
  if (name === 'chdb') return { name: title, state: 'ok', detail: `${found.version}, engine ${found.engine}`, data };
  const codecs = ['gzip', 'snappy', 'lz4', 'zstd'];
  const missing = codecs.filter((codec) => !found.features?.includes(codec));
  const detail = `${found.version}, librdkafka ${found.librdkafka}, ${(found.features ?? []).join(' ')}`;
  if (missing.length === 0) return { name: title, state: 'ok', detail, data };
  const todo = `cannot read topics compressed with ${missing.join(', ')}; for zstd: apt-get install -y libzstd-dev and install anew`;
  return { name: title, state: 'ok', detail, todo, data };
}

/** Whether a port can be listened on; if not, who holds it where that can be known. */
export function checkPort(what: string, host: string, port: number): Promise<Check> {
  const name = `port ${port} (${what})`;
  if (port === 0) return Promise.resolve({ name, state: 'ok', detail: 'any free one' });
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const holder = error.code === 'EADDRINUSE' ? holderOfPort(port) : null;
      const detail =
        error.code === 'EADDRINUSE' ? `busy${holder ? `: held by ${holder}` : ''}` : `${host}: ${error.code}`;
      done({ name, state: 'failed', detail, todo: 'end what holds it, or choose another port in the configuration' });
    });
    server.listen({ host, port, exclusive: true }, () =>
      server.close(() => done({ name, state: 'ok', detail: 'free' })),
    );
  });
}

/** Free space where the data folder is or will be. */
export async function checkDisk(dataDir: string): Promise<Check> {
  let folder = resolve(dataDir);
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const detail = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free in ${folder}`;
  const base = { name: 'disk', detail, data: { folder, freeBytes } };
  return freeBytes >= diskLowBytes
    ? { ...base, state: 'ok' }
    : { ...base, state: 'warning', todo: 'ClickHouse needs some GiB' };
}

/** Compiler and headers that build the Kafka clients: only missed when one has to be built. */
export async function checkTools(): Promise<Check> {
  const { aptLine, missingTools, nodeHeaders } = await import('../scripts/toolchain.mjs');
  const missing = missingTools();
  const headers = nodeHeaders();
  const name = 'build tools';
  const detail = headers === null ? 'Node headers are downloaded when needed' : `Node headers in ${headers}`;
  if (missing.length === 0) return { name, state: 'ok', detail: `python3, make, g++, zlib, openssl; ${detail}` };
  return { name, state: 'warning', detail: `missing: ${missing.join(', ')}; ${detail}`, todo: aptLine };
}

function probe(name: string): Promise<Probe> {
  const script = fileURLToPath(new URL('../scripts/probe.mjs', import.meta.url));
  return new Promise((done) => {
    const child = spawn(process.execPath, [script, name], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: probeTimeoutMs,
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.once('close', (code, signal) => {
      try {
        done(JSON.parse(text) as Probe);
      } catch {
        done({ ok: false, reason: `its process ended with ${signal ?? code}` });
      }
    });
  });
}
