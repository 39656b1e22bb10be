// What building the native Kafka clients takes, and what of it this machine lacks.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** On Debian and Ubuntu this brings all of it. */
export const aptLine = 'apt-get install -y python3 make g++ zlib1g-dev libssl-dev';

const compiler = 'g++';

/** Names of what is missing: programs and headers. Takes some 50 ms. */
export function missingTools() {
  const missing = ['python3', 'make', compiler].filter((program) => !runs(program, ['--version']));
  if (missing.includes(compiler))
    return [...missing, ...(existsSync('/usr/include/zlib.h') ? [] : ['zlib.h']), ...openssl()];
  return [...missing, ...['zlib.h', 'openssl/ssl.h'].filter((header) => !hasHeader(header))];
}

/** Where Node's own headers are, or null: then node-gyp downloads them from nodejs.org. */
export function nodeHeaders() {
  const prefix = process.env.npm_config_nodedir || dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node.h')) ? join(prefix, 'include/node') : null;
}

function openssl() {
  return existsSync('/usr/include/openssl/ssl.h') ? [] : ['openssl/ssl.h'];
}

function runs(program, args) {
  return spawnSync(program, args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
}

function hasHeader(header) {
  const input = `#include <${header}>\n`;
  const options = { input, stdio: ['pipe', 'ignore', 'ignore'], timeout: 10_000 };
  return spawnSync(compiler, ['-E', '-x', 'c++', '-'], options).status === 0;
}
