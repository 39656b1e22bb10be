import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createModel } from '../sources/generator/model.ts';
import type { GeneratedMessage } from '../sources/generator/sending.ts';
import { startReceiver, testSecret, type Received } from '../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../telemetry/clock.ts';
import { freePort } from './free-port.ts';
import { eventually as eventuallyWithin } from './eventually.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from './requirements.ts';

// The same shop twice: once with every event sent once, once with every event sent twice in a row and then all of them again. Each result is a
// function of order log and inputs; what another interleaving of partitions, another step or clock may change is no matter of duplicates, and is
// made the same or left out: one key, so one partition a topic; payments before labels; the other partitions are idle before the first event. Not
// compared are positions, clocks, ages in lists, trending lists of one category (where nothing happens they age by the clock), how the
// transitions of an alert fell into steps, and what follows from decisions that payments overtake on their way to the forecasts.
const program = fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url));
const shopMs = 12 * 60_000;
const perSecond = 4;
const minuteMs = 60_000;
/** The same shop whenever this runs, with frauds in it; moved by whole minutes, so that its last one is over soon after its last event. */
const modelStartMs = Date.UTC(2026, 0, 5, 10);
const requestEvents = 400;

/** Polls without a change, 500 ms and more each: longer than the 10 s after which co-visited lists are published again. */
const unchangedMin = 26;
const idleMs = 3_000;

/** Views and what of them is compared. */
const tables = {
  window_results_final: 'pipeline, output, key, window_start, window_end, complete, `values`',
  decisions_final:
    'payment_source, payment_id, event_time, card_id, terminal_id, device_id, merchant_id, country, amount_minor, currency, outcome, score, rule_set_version, rules, features',
  "alerts_final WHERE pipeline = 'fraud'":
    'pipeline, alert_id, entity_type, entity_id, fingerprint, severity, title, arraySort(reasons), hits, first_event_time, last_event_time, payment_id, decision_payment_ids',
  "late_records_final WHERE pipeline = 'revenue'":
    'output, key, window_start, window_end, event_id, source, event_time, watermark, late_by_ms, would_add',
  "recommendation_lists_final WHERE list = 'trending' AND key = 'all'": 'key, items',
  "recommendation_lists_final WHERE list != 'trending'": 'list, key',
  "predictions_final WHERE horizon_minutes = 0 AND metric != 'decline_rate' AND actual > 0":
    'metric, key, target, actual',
} as const;
type Table = keyof typeof tables;

interface Outcome {
  readonly rows: Readonly<Record<Table, readonly string[]>>;
  readonly alertIds: readonly string[];
  readonly received: readonly Received[];
  /** Webhook ids of all transitions. */
  readonly transitions: readonly string[];
  /** Archived input records. */
  readonly events: number;
}

describeUnless([requireKafkaDriver('node-rdkafka'), requireChdb()], 'every event sent twice', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-twice-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let single: Outcome;
  let twice: Outcome;

  beforeAll(async () => {
    const shares = { late: 0.2, duplicate: 0, malformed: 0 };
    const model = createModel({ seed: 2, startMs: modelStartMs, ratePerSecond: perSecond, shares });
    const messages = model.advance(modelStartMs + shopMs);
    const isLabel = ({ topic }: GeneratedMessage) => topic === 'labels';
    const laterMs = Math.floor((systemClock.nowMs() - shopMs) / minuteMs - 1) * minuteMs - modelStartMs;
    const ofOneKey = messages.map((one) => ({ ...one, text: ofTheShop(one.text, laterMs) }));
    const stages = [ofOneKey.filter((one) => !isLabel(one)), ofOneKey.filter(isLabel)];
    single = await runShop(join(folder, 'once'), stages);
    const doubled = stages.map((stage) => [...stage.flatMap((one) => [one, one]), ...stage]);
    twice = await runShop(join(folder, 'twice'), doubled);
  }, 1_200_000);

  test('[A5] every event was read three times in the second shop', () => {
    expect(single.events).toBeGreaterThan(1_000);
    expect(twice.events).toBe(3 * single.events);
  });

  test.each(Object.keys(tables) as Table[])('[A5] %s is the same', (table) => {
    expect(single.rows[table].length).toBeGreaterThan(0);
    expect(onlyIn(twice.rows[table], single.rows[table]).slice(0, 3)).toEqual([]);
    expect(onlyIn(single.rows[table], twice.rows[table]).slice(0, 3)).toEqual([]);
    expect(twice.rows[table]).toHaveLength(single.rows[table].length);
  });

  test('[A5][D7] alerts have the same ids, and each of their transitions one webhook id', () => {
    expect(single.alertIds.length).toBeGreaterThan(0);
    expect(twice.alertIds).toEqual(single.alertIds);
    for (const { received, transitions, alertIds } of [single, twice]) {
      const ids = received.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(new Set(transitions).size).toBe(transitions.length);
      for (const id of ids) expect(transitions).toContain(id);
      const raised = received.filter(({ transition }) => transition === 'raised').map(({ alertId }) => alertId);
      expect(new Set(raised).size).toBe(raised.length);
      const told = new Set(received.map(({ alertId }) => alertId));
      for (const alertId of alertIds) expect(told).toContain(alertId);
    }
  });
});

function ofTheShop(text: string, laterMs: number): string {
  const event = JSON.parse(text) as { eventTimeMs: number; paymentEventTimeMs?: number };
  const { eventTimeMs, paymentEventTimeMs } = event;
  const moved = { eventTimeMs: eventTimeMs + laterMs, key: 'shop' };
  return JSON.stringify({
    ...{ ...event, ...moved },
    ...(paymentEventTimeMs !== undefined && { paymentEventTimeMs: paymentEventTimeMs + laterMs }),
  });
}

const onlyIn = (some: readonly string[], others: readonly string[]): readonly string[] => {
  const known = new Set(others);
  return some.filter((one) => !known.has(one));
};

async function runShop(folder: string, stages: readonly (readonly GeneratedMessage[])[]): Promise<Outcome> {
  const receiver = await startReceiver();
  const [port, clickhousePort] = [await freePort(), await freePort()];
  const [url, clickhouseUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${clickhousePort}`];
  const env = {
    ...process.env,
    UV_THREADPOOL_SIZE: '16',
    MILLRACE_SERVER_PORT: String(port),
    MILLRACE_EMBEDDED_CLICKHOUSE_PORT: String(clickhousePort),
    MILLRACE_EMBEDDED_DATA_DIR: folder,
    MILLRACE_PIPELINES_FRAUD_ALERT_UPDATE_EVERY_MS: '1000',
    MILLRACE_PIPELINES_FRAUD_COOL_DOWN_MS: '3600000',
    MILLRACE_TIME_IDLE_MS: String(idleMs),
    MILLRACE_WEBHOOKS_TERMINAL: 'off',
    MILLRACE_WEBHOOKS_ENDPOINTS: JSON.stringify([
      { name: 'ops', url: receiver.url, secretRefs: ['env:HOOK_SECRET'], allowAddresses: ['127.0.0.1'] },
    ]),
    HOOK_SECRET: testSecret,
    MILLRACE_LOG_LEVEL: 'error',
  };
  const service = spawn(process.execPath, [program, 'start', '--no-demo'], { env, stdio: 'ignore' });
  const lines = async (query: string): Promise<readonly string[]> => {
    const response = await fetch(clickhouseUrl, { method: 'POST', body: query });
    const text = await response.text();
    if (!response.ok) throw new Error(text);
    return text.trim() === '' ? [] : text.trimEnd().split('\n');
  };
  try {
    await eventually('ready', async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200);
    const rules = `SELECT count() FROM millrace.events WHERE topic = 'millrace.rules'`;
    await eventually('rules', async () => Number((await lines(rules))[0]) > 0);
    await systemClock.sleep(4 * idleMs);
    let sent = 0;
    for (const stage of stages) {
      for (let from = 0; from < stage.length; from += requestEvents)
        await post(url, stage.slice(from, from + requestEvents));
      sent += stage.length;
      const archived = `SELECT count() FROM millrace.events FINAL WHERE topic IN ('payments', 'interactions', 'labels')`;
      await eventually('all archived', async () => Number((await lines(archived))[0]) === sent);
      await settled(url, lines);
    }
    const isAllDelivered = `SELECT count() FROM millrace.alert_webhooks WHERE webhook_id NOT IN
      (SELECT webhook_id FROM millrace.deliveries_final WHERE outcome IN ('delivered', 'replaced'))`;
    await eventually('all webhooks', async () => (await lines(isAllDelivered))[0] === '0');
    const rows: Partial<Record<Table, readonly string[]>> = {};
    for (const [table, columns] of Object.entries(tables))
      rows[table as Table] = await lines(
        `SELECT ${columns} FROM millrace.${table} ORDER BY ALL FORMAT JSONCompactEachRow`,
      );
    return {
      rows: rows as Outcome['rows'],
      alertIds: await lines(`SELECT DISTINCT alert_id FROM millrace.alerts WHERE pipeline = 'fraud' ORDER BY alert_id`),
      transitions: await lines('SELECT webhook_id FROM millrace.alert_webhooks'),
      received: [...receiver.received],
      events: Number(
        (
          await lines(`SELECT count() FROM millrace.events FINAL WHERE topic IN ('payments', 'interactions', 'labels')`)
        )[0],
      ),
    };
  } finally {
    const gone = once(service, 'exit');
    service.kill('SIGTERM');
    await gone;
    await receiver.close();
  }
}

async function post(url: string, messages: readonly GeneratedMessage[]): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const body = `[${messages.map(({ text }) => text).join(',')}]`;
  for (;;) {
    const response = await fetch(`${url}/v1/events`, { method: 'POST', headers, body });
    if (response.status === 202) return;
    if (response.status !== 429) throw new Error(`${response.status} ${await response.text()}`);
    await systemClock.sleep(200);
  }
}

/** Until nothing changes any more: everything read, folded, published, stored. */
async function settled(url: string, lines: (query: string) => Promise<readonly string[]>): Promise<void> {
  const counts = [
    'SELECT count(), max(revision) FROM millrace.window_results FINAL',
    'SELECT count() FROM millrace.decisions FINAL',
    'SELECT count(), max(revision) FROM millrace.alerts FINAL',
    'SELECT count(), sum(cityHash64(items)) FROM millrace.recommendation_lists_final',
    'SELECT count(), countIf(actual IS NOT NULL) FROM millrace.predictions FINAL',
  ].join(' UNION ALL ');
  let last = '';
  let unchanged = 0;
  await eventually('settled', async () => {
    const now = (await lines(counts.replaceAll('SELECT count() FROM', 'SELECT count(), 0 FROM'))).toSorted().join();
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const lag = [...metrics.matchAll(/^millrace_\w*lag_records\{.*\} (\d+)/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
    unchanged = now === last && lag < 100 ? unchanged + 1 : 0;
    last = now;
    return unchanged >= unchangedMin;
  });
}

const eventually = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
  eventuallyWithin(what, isSo, { withinMs: 240_000, everyMs: 500 });
