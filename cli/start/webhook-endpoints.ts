import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { readSecret } from '../../config/secrets.ts';
import { parseRange } from '../../sinks/webhook/addresses.ts';
import type { EndpointOptions } from '../../sinks/webhook/endpoint.ts';

/** Newest transitions that wait for a `millrace webhook listen`. */
const terminalPendingMax = 20;
const terminalTimeoutMs = 5_000;

/** Whether anybody is told about alerts at all. */
export const hasWebhooks = (config: Config): boolean => config.webhooks.endpoints.length > 0 || hasTerminal(config);

/** The endpoints of the configuration, and the one of this machine's terminal. Throws a `SecretError` for a secret that is gone. */
export function endpointsOf(config: Config, env: NodeJS.ProcessEnv): readonly EndpointOptions[] {
  const { endpoints, pendingMax, deadMax } = config.webhooks;
  const configured = endpoints.map(({ secretRefs, allowAddresses, ...endpoint }) => {
    const [current = '', previous = null] = secretRefs.map((reference) => readSecret(reference, env) ?? '');
    const allowed = allowAddresses.map(parseRange);
    return { ...endpoint, secrets: { current, previous }, allowed, pendingMax, deadMax, isTerminal: false };
  });
  return hasTerminal(config) ? [...configured, terminalOf(config)] : configured;
}

/** The secret that `millrace start` and `millrace webhook listen` of one data folder share; made when there is none. */
export function terminalSecret(dataDir: string): string {
  const file = join(dataDir, 'webhook-terminal-secret');
  mkdirSync(dataDir, { recursive: true });
  try {
    writeFileSync(file, `whsec_${randomBytes(32).toString('base64')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}

/** Whether alerts are sent to a `millrace webhook listen` on this machine. */
export function hasTerminal({ webhooks: { terminal }, kafka }: Config): boolean {
  return terminal === 'on' || (terminal === 'auto' && kafka.brokers === '');
}

/** May call loopback, and nothing else that others may not: its URL is made here, never configured. */
function terminalOf({ webhooks: { terminalPort }, embedded }: Config): EndpointOptions {
  return {
    ...{ name: 'terminal', url: `http://127.0.0.1:${terminalPort}/`, isTerminal: true },
    secrets: { current: terminalSecret(embedded.dataDir), previous: null },
    ...{ transitions: ['raised', 'updated', 'retracted', 'resolved'], severityMin: 'low', pipelines: [] },
    ...{ timeoutMs: terminalTimeoutMs, inFlightMax: 1, pendingMax: terminalPendingMax, deadMax: terminalPendingMax },
    allowed: [parseRange('127.0.0.1')],
  };
}
