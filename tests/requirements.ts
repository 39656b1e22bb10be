import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import { brokerJars } from './kafka/jars.ts';
import { findRabbit } from './rabbit/server.ts';

/**
 * What a test needs beyond Node: a Kafka client, the ClickHouse engine, a browser, a real Kafka, RabbitMQ. Each `require…` function gives null when the
 * thing is here and else the reason for skipping, in words; where `CI` or `MILLRACE_REQUIRE_ALL` is set it throws instead, so that
 * nothing is skipped there. Hand the reasons to `describeUnless`: the reason is then part of the title and of the last
 * lines of `npm test`.
 *
 *     describeUnless([requireKafkaDriver('confluent'), requireChdb()], 'the journey with confluent', () => {
 *       beforeAll(…); // not run when skipped
 *       test('[C8] …', …);
 *     });
 *     // a browser: requireChromium() as above, and inside: chromium.launch({ executablePath: chromiumPath(), args: chromiumArgs })
 *
 * A single test may skip by itself: `test('…', (ctx) => ctx.skip('the reason'))`.
 */
export function requireKafkaDriver(driver: 'node-rdkafka' | 'confluent'): string | null {
  return requirePackage(driver);
}

/** As above for the embedded ClickHouse engine. */
export function requireChdb(): string | null {
  return requirePackage('chdb');
}

/**
 * As above for a real Apache Kafka (Java 17, and its jars or `mvn` to fetch them), but never throws: not every machine that must pass
 * reaches Maven Central. Where it is missing, that is said with the reason.
 */
export function requireRealKafka(): string | null {
  const jars = brokerJars();
  return jars.kind === 'here' ? null : jars.reason;
}

/** As for a real Kafka, for RabbitMQ: Debian's `rabbitmq-server`, or `MILLRACE_RABBITMQ_SERVER`. Never throws. */
export function requireRabbit(): string | null {
  return findRabbit() === null ? 'no RabbitMQ (apt-get install -y rabbitmq-server)' : null;
}

/** As above for a Chromium or Chrome: `MILLRACE_CHROMIUM` or one of the usual paths. */
export function requireChromium(): string | null {
  return findChromium() === null
    ? missing('no Chromium (apt-get install -y chromium, or set MILLRACE_CHROMIUM to its path)')
    : null;
}

/** The browser's path; throws where `requireChromium` gave a reason. */
export function chromiumPath(): string {
  const path = findChromium();
  if (path === null) throw new Error('no Chromium here: guard the suite with requireChromium()');
  return path;
}

/** Launch arguments that work as root and in small containers. */
export const chromiumArgs: readonly string[] = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];

/** `describe` when all reasons are null; else a skipped suite that has its reasons in its title. */
export function describeUnless(reasons: readonly (string | null)[], title: string, suite: () => void): void {
  const given = reasons.filter((reason) => reason !== null);
  if (given.length === 0) describe(title, suite);
  else describe.skip(`${title} (skipped: ${given.join('; ')})`, suite);
}

const probe = fileURLToPath(new URL('../scripts/probe.mjs', import.meta.url));
const known = new Map<string, string | null>();

function requirePackage(name: string): string | null {
  let reason = known.get(name);
  if (reason === undefined) {
    reason = probePackage(name);
    known.set(name, reason);
  }
  return reason === null ? null : missing(`no ${name}: ${reason}`);
}

/** In a child: a process may load one Kafka client only, and the test chooses which. */
function probePackage(name: string): string | null {
  const child = spawnSync(process.execPath, [probe, name], { encoding: 'utf8', timeout: 120_000 });
  try {
    const found = JSON.parse(child.stdout) as { ok: boolean; reason?: string };
    return found.ok ? null : (found.reason ?? 'does not load');
  } catch {
    return `its probe ended with ${child.signal ?? child.status}`;
  }
}

function findChromium(): string | null {
  const named = process.env['MILLRACE_CHROMIUM'];
  if (named) return existsSync(named) ? named : null;
  const usual = [
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/usr/bin/google-chrome-stable',
  ];
  return usual.find((path) => existsSync(path)) ?? null;
}

function missing(reason: string): string {
  if (isAllRequired()) throw new Error(`required here and missing: ${reason}`);
  return reason;
}

function isAllRequired(): boolean {
  return isSet(process.env['CI']) || isSet(process.env['MILLRACE_REQUIRE_ALL']);
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}
