// Decides whether the packages must be installed, and installs them with progress.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Which lock is installed, and for which Node: native modules are built for one ABI. */
export function fingerprint(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return { lock, abi: `${process.versions.modules} ${process.platform} ${process.arch}` };
}

const stampFile = (root) => join(root, 'node_modules', '.millrace', 'stamp.json');

/** What the last run found, or null: `{ fingerprint, probes, missingTools }`. */
export function readStamp(root) {
  return readJson(stampFile(root));
}

export function writeStamp(root, stamp) {
  mkdirSync(join(root, 'node_modules', '.millrace'), { recursive: true });
  writeFileSync(stampFile(root), `${JSON.stringify(stamp)}\n`);
}

/** Why an install is needed, in words, or null. */
export function whyInstall(root, stamp) {
  if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) return 'the packages are not installed yet';
  const now = fingerprint(root);
  if (stamp && stamp.fingerprint.abi !== now.abi) return 'the packages are built for another Node';
  if (stamp?.fingerprint.lock === now.lock) return null;
  return differsFromLock(root) ? 'the packages are not those of package-lock.json' : null;
}

/** `npm ci`; what it says goes to a file, which a failure names. Resolves with the exit code. */
export function install(root, isTerminal = process.stdout.isTTY) {
  const log = join(mkdtempSync(join(tmpdir(), 'millrace-install-')), 'npm-ci.log');
  const startedMs = performance.now();
  const elapsed = () => inWords(performance.now() - startedMs);
  const { command, args } = npm();
  const child = spawn(command, [...args, 'ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: buildEnvironment(),
  });
  const output = createWriteStream(log);
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  const stopProgress = showProgress(() => `${phase(root)} … ${elapsed()}`, isTerminal);
  return new Promise((resolve) => {
    let hasEnded = false;
    const end = (code, why) => {
      if (hasEnded) return;
      hasEnded = true;
      stopProgress();
      output.end(() => {
        if (code === 0) console.log(`installed in ${elapsed()}`);
        else console.error(`${essence(log)}\nmillrace: npm ci failed${why} after ${elapsed()}; all of it: ${log}`);
        if (code === 0) rmSync(join(log, '..'), { recursive: true, force: true });
        resolve(code);
      });
    };
    child.on('error', (error) => end(1, ` (${error.message})`));
    child.on('close', (code, signal) => end(code ?? 1, signal ? ` (${signal})` : ''));
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal));
  });
}

/** The Kafka clients' makefiles break when run in parallel (config.h has no rule); npm builds the two beside each other anyway. */
function buildEnvironment() {
  const env = { ...process.env };
  for (const name of ['JOBS', 'npm_config_jobs', 'MAKEFLAGS']) delete env[name];
  return env;
}

/** npm as it started us, else the one on the path. */
function npm() {
  const script = process.env.npm_execpath;
  if (script && script.endsWith('npm-cli.js') && existsSync(script))
    return { command: process.execPath, args: [script] };
  return { command: 'npm', args: [] };
}

function phase(root) {
  const isBuilding = ['node-rdkafka', '@confluentinc/kafka-javascript'].some((name) =>
    existsSync(join(root, 'node_modules', name, 'build')),
  );
  return isBuilding ? 'building the Kafka clients (3–5 minutes on 2 cores)' : 'downloading packages';
}

function showProgress(line, isTerminal) {
  const show = () => (isTerminal ? process.stdout.write(`\r\u001b[K${line()}`) : console.log(line()));
  show();
  const timer = setInterval(show, isTerminal ? 500 : 10_000);
  return () => {
    clearInterval(timer);
    if (isTerminal) process.stdout.write('\r\u001b[K');
  };
}

/** True unless every package that the lock asks of this platform is there in its version. */
function differsFromLock(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages ?? {};
  const here = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages ?? {};
  return Object.entries(wanted).some(
    ([path, { version, optional, link }]) => path !== '' && !optional && !link && here[path]?.version !== version,
  );
}

function inWords(ms) {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** What a person needs of npm's output: the first errors, else the end of it. */
function essence(file) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const errors = lines.filter((line) => line.startsWith('npm error') && line.trim() !== 'npm error');
  return (errors.length > 0 ? errors.slice(0, 12) : lines.slice(-25)).join('\n');
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
