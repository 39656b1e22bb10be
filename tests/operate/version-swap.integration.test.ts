import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { startEmbeddedBroker } from '../../embedded/broker.ts';
import { readingGroups } from '../../events/topics.ts';
import { startReceiver } from '../../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { decide } from '../decide.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from '../requirements.ts';
import { eventually, program, runningAt, startArgs, stop } from './running.ts';

// A person's upgrade: millrace with version 1, events, stop, millrace with version 2, events. Once with the broker that each start has for
// itself, whose topics begin anew, and once with one that stays.
const minuteMs = 60_000;
/** Of alerts in the second version. So long nothing comes between two attacks; sooner than that after the second one the first version has ended. */
const coolDownMs = 25_000;
const pipelines = [1, 2].flatMap((version) => [
  { name: 'revenue', version, inputs: ['payments'] },
  { name: 'fraud', version, inputs: ['payments', 'labels', 'millrace.rules'] },
]);

describeUnless([requireKafkaDriver('node-rdkafka'), requireChdb()], 'millrace with a new version of a pipeline', () => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  /** A data folder, a receiver of webhooks, and `millrace start` on them. */
  const openRig = async (brokerEnv: Record<string, string>) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-swap-'));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    const receiver = await startReceiver();
    cleanUps.push(() => receiver.close());
    const { url, sql, env: plain } = await runningAt(folder, receiver.url);
    const env = { ...plain, MILLRACE_TIME_ALLOWED_LATENESS_MS: String(minuteMs), ...brokerEnv };
    const start = async (version: number): Promise<() => Promise<void>> => {
      const child = spawn(process.execPath, [program, ...startArgs], {
        env: { ...env, ...versionedEnv(version) },
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const end = () => stop(child);
      cleanUps.push(end);
      await eventually('ready', async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200);
      return end;
    };
    /** Nothing but the last line. */
    const verify = async (...args: readonly string[]): Promise<unknown> => {
      const asked = { env: { ...env, ...versionedEnv(2) } };
      const outcome = promisify(execFile)(process.execPath, [program, 'verify', '--json', ...args], asked);
      const { stdout } = await outcome.catch((error: { readonly stdout: string }) => error);
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    };
    return { receiver, url, sql, start, verify };
  };

  const swap = async ({ receiver, url, sql, start, verify }: Awaited<ReturnType<typeof openRig>>): Promise<void> => {
    let sent = 0;
    const pay = async (cardId: string, eventTimeMs: number): Promise<void> => {
      const id = `p-${++sent}`;
      await decide(url, {
        ...{ id, type: 'payment', version: 2, source: 'test', eventTimeMs, key: cardId, merchantId: 'm' },
        ...{ amountMinor: 150, currency: 'EUR', cardId, country: 'IS' },
      });
    };
    /** Payments of cards that are nothing special, over minutes that then close; in event time. */
    const trade = async (fromMs: number, minutes: number): Promise<void> => {
      for (let i = 0; i < minutes * 2; i++) await pay(`calm-${sent}`, fromMs + i * (minuteMs / 2));
    };
    const attack = async (cardId: string, atMs: number): Promise<void> => {
      for (let i = 0; i < 6; i++) await pay(cardId, atMs + i * 500);
    };

    const startMs = Math.floor((systemClock.nowMs() - 200 * minuteMs) / minuteMs) * minuteMs;
    const stopFirst = await start(1);
    const rules = `SELECT count() FROM millrace.events WHERE topic = 'millrace.rules'`;
    await eventually('rules', async () => (await sql(rules)) !== '0');
    await trade(startMs, 100);
    await attack('ended', startMs + 100 * minuteMs);
    await systemClock.sleep(coolDownMs + 3_000);
    await attack('adopted', startMs + 100 * minuteMs + 10_000);
    const raised = () => receiver.received.filter(({ transition }) => transition === 'raised').map(cardOf);
    await eventually('both alerts', async () => raised().length === 2);
    await stopFirst();

    await start(2);
    const live = `SELECT count() FROM millrace.live_versions FINAL WHERE version = 2`;
    await eventually('both are live', async () => (await sql(live)) === '2');
    await trade(startMs + 101 * minuteMs, 90);
    await attack('later', startMs + 192 * minuteMs);
    await pay('closing', startMs + 195 * minuteMs);
    await eventually('the new alert', async () => raised().length === 3);
    expect(raised()).toEqual(['ended', 'adopted', 'later']);

    const revenue = `FROM millrace.window_results_final WHERE pipeline = 'revenue' AND output = 'country_1m'`;
    const counted = `SELECT sum(JSONExtractUInt(\`values\`, 'count')) ${revenue}`;
    await eventually('all is counted', async () => Number(await sql(counted)) >= sent);
    expect(Number(await sql(counted))).toBe(sent);
    // Every minute once: of the old version up to the swap, of the new one from there on.
    const shown = (
      await sql(
        `SELECT version, dateDiff('minute', fromUnixTimestamp64Milli(${startMs}), window_start) ${revenue} ORDER BY window_start FORMAT TSV`,
      )
    )
      .split('\n')
      .map((line) => line.split('\t').map(Number));
    const expected = Array.from({ length: 196 }, (_, minute) => minute).filter(
      (minute) => ![191, 193, 194].includes(minute),
    );
    expect(shown.map(([, minute]) => minute)).toEqual(expected);
    const versions = shown.map(([version]) => version ?? 0);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect([1, 2].map((version) => versions.filter((one) => one === version).length > 20)).toEqual([true, true]);

    // The alert that the new version holds is adopted in silence, the other one it ends in its own name.
    const ended = `SELECT entity_id, version, transition FROM millrace.alerts FINAL WHERE entry_id = 'swap-v1-v2' FORMAT TSV`;
    await eventually('one is ended', async () => (await sql(ended)) === 'ended\t2\tresolved');
    await eventually('and told so', async () =>
      receiver.received.some((one) => cardOf(one) === 'ended' && one.transition === 'resolved'),
    );
    const standing = `SELECT entity_id, count(), any(version) FROM millrace.alerts_final GROUP BY entity_id ORDER BY entity_id FORMAT TSV`;
    await expect
      .poll(async () => (await sql(standing)).split('\n').map((line) => line.split('\t')[1]))
      .toEqual(['1', '1', '1']);

    // Both logs are there to make the new version's results again, and they are the same.
    const decided = `SELECT count() FROM millrace.decisions FINAL WHERE version = 2`;
    await eventually('all decisions are stored', async () => (await sql(decided)) === String(sent));
    expect(await verify('--all')).toEqual({ decisions: sent, different: 0 });
    expect(await verify('--sandbox', 'swapped', '--pipeline', 'revenue')).toMatchObject({ diff: 0, gaps: 0 });
    expect(await verify('--sandbox', 'swapped', '--pipeline', 'fraud')).toMatchObject({ diff: 0, gaps: 0 });
  };

  test('[B6] takes over on a broker that begins anew', { timeout: 600_000 }, async () => {
    await swap(await openRig({}));
  });

  test('[B6] takes over on a broker that stays', { timeout: 600_000 }, async () => {
    const broker = await startEmbeddedBroker({
      ...{ logger: silentLogger, driver: 'node-rdkafka' },
      gate: { groups: readingGroups(pipelines, { hasWebhooks: true }) },
    });
    cleanUps.push(() => broker.stop());
    await swap(await openRig({ MILLRACE_KAFKA_BROKERS: broker.brokers, MILLRACE_KAFKA_GATE: broker.gateAddress }));
  });
});

const versionedEnv = (version: number): Readonly<Record<string, string>> => ({
  MILLRACE_PIPELINES_REVENUE_VERSION: String(version),
  MILLRACE_PIPELINES_FRAUD_VERSION: String(version),
  // What the second version does otherwise.
  ...(version === 2 && { MILLRACE_PIPELINES_FRAUD_COOL_DOWN_MS: String(coolDownMs) }),
});

const cardOf = ({ body }: { readonly body: string }): string =>
  (JSON.parse(body) as { readonly data: { readonly entityId: string } }).data.entityId;
