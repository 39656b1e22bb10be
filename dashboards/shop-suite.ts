import type { Alert, Decision, Outcome } from '../events/decisions.ts';
import type { ResultState, WindowResult } from '../events/results.ts';
import type { DecisionCounts, DecisionLine, LiveRow } from '../live/messages.ts';
import type { SystemStatus } from '../live/system-status.ts';

/** A small shop's numbers for the page's tests: the same arguments give the same rows. */
export const minuteMs = 60_000;

/** A window of a country and currency. `minuteStartMs` is its start. */
export function countryRow(options: {
  readonly country: string;
  readonly minuteStartMs: number;
  readonly revision: number;
  readonly count: number;
  readonly currency?: string;
  readonly state?: ResultState;
}): LiveRow<WindowResult> {
  const { country, minuteStartMs, revision, count, currency = 'EUR', state = 'final' } = options;
  const key = `${country}/${currency}`;
  const row: WindowResult = {
    ...{ kind: 'window', pipeline: 'revenue', version: 1, output: 'country_1m', key },
    ...{ windowStartMs: minuteStartMs, windowEndMs: minuteStartMs + minuteMs, state, complete: 1 },
    ...{ watermarkMs: minuteStartMs + minuteMs + 2_000, clockMs: minuteStartMs + minuteMs + 5_000 },
    revision: String((1n << 48n) | BigInt(revision)),
    producer: {
      ...{ pipeline: 'revenue', version: 1, shard: 0, epoch: 1, orderOffset: String(revision) },
      ...{ index: 0, entryId: `a-${revision}` },
    },
    values: { count, sumMinor: count * 1_250, meanMinor: 1_250, maxMinor: 9_900 },
  };
  return { id: `country_1m|${key}|${minuteStartMs}`, revision: row.revision, row };
}

/** The one row of `system`. */
export function statusRow(clockMs: number, more: Partial<SystemStatus> = {}): LiveRow<SystemStatus> {
  const row: SystemStatus = {
    clockMs,
    eventsPerSecond: 203,
    totals: { deadLetters: 478, late: 311, duplicates: 2_402, quarantined: 3, events: 481_206 },
    services: [
      { name: 'revenue', state: 'running', detail: '1 shard, epoch 2' },
      { name: 'clickhouse', state: 'running', detail: '48,201 rows written' },
      { name: 'live', state: 'running' },
      { name: 'generator', state: 'stopped', detail: 'told to' },
    ],
    stages: [
      { name: 'decode', perSecond: 203.2, total: 481_206, errors: 478 },
      { name: 'windows', perSecond: 200.1, total: 478_323, errors: 0 },
    ],
    partitions: [0, 1, 2, 3].map((partition) => ({
      ...{ partition: `payments-${partition}`, lag: 9 + partition, positionTimeMs: clockMs - 3_000 },
      ...{ nextOffset: String(120_301 + partition), endOffset: String(120_310 + 2 * partition) },
    })),
    pipelines: [
      {
        ...{ name: 'revenue', version: 1, shard: 0, state: 'running', watermarkMs: clockMs - 6_000, lagRecords: 42 },
        counters: {
          ...{ in: 481_206, folded: 473_120, duplicate: 2_402, late: 311 },
          ...{ deadLettered: 478, quarantined: 3, ignored: 4_892 },
        },
      },
    ],
    ...more,
  };
  return { id: 'status', revision: String(clockMs), row };
}

/** An event that was set aside, with text from outside in every place that takes some. */
export function deadLetterRow(atMs: number, text: string): LiveRow {
  const revision = String(atMs);
  const row = {
    ...{ kind: 'dead-letter', pipeline: 'revenue', version: 1, revision, reason: 'invalid', message: text },
    ...{ fieldPath: '/amountMinor', source: text },
    input: { topic: 'payments', partition: 2, inputOffset: '120881', timestampMs: atMs },
  };
  return { id: `dead ${atMs}`, revision, row };
}

/** How many were set aside, and from where. */
export function countsRow(source: string): LiveRow {
  const row = {
    ...{ kind: 'counts', sinceMs: 0, deadLetters: 1, late: 0, quarantined: 0 },
    ...{ byReason: { invalid: 1 }, bySource: { [source]: 312 } },
  };
  return { id: 'counts', revision: '1', row };
}

/** The alert on card-9, with markup in its reason that must stay text. */
export function alertRow({
  revision,
  ...over
}: { readonly revision: number } & Partial<Omit<Alert, 'revision'>>): LiveRow<Alert> {
  const producer = {
    pipeline: 'fraud',
    version: 1,
    shard: 0,
    epoch: 0,
    orderOffset: String(revision),
    index: 0,
    entryId: 'e',
  };
  const row: Alert = {
    ...{ kind: 'alert', pipeline: 'fraud', version: 1, alertId: 'a1', transition: 'raised', entityType: 'card' },
    ...{ entityId: 'card-9', fingerprint: 'card/card-9', severity: 'high', title: 'card card-9: a payment declined' },
    ...{ reasons: ['<b>5 small payments</b> in a minute'], hits: 1, firstEventTimeMs: 0, lastEventTimeMs: 0 },
    ...{ paymentId: 'try-5', decisionPaymentIds: ['try-5'], clockMs: 1, revision: String(revision), producer, ...over },
  };
  return { id: 'fraud 1 a1', revision: String(revision), row };
}

/** The decision behind that alert, with markup in its reason that must stay text. */
export function testDecision(over: Partial<Decision> = {}): Decision {
  const features: Record<string, number | boolean | null> = {
    card_is_first_seen: false,
    card_seconds_since_last: 4,
    is_night: false,
  };
  for (const entity of ['card', 'device', 'terminal'])
    for (const [place, window] of ['1m', '10m', '1h', '24h', '7d'].entries())
      for (const stat of ['count', 'sum_minor', 'mean_minor', 'max_minor', 'distinct'])
        features[`${entity}_${stat}_${window}`] =
          entity === 'device' ? null : stat.endsWith('minor') ? 150 * (place + 1) : 5 + place;
  return {
    ...{ kind: 'decision', pipeline: 'fraud', version: 1, paymentId: 'try-5', paymentSource: 'readme' },
    ...{
      eventTimeMs: Date.UTC(2026, 5, 1, 10),
      cardId: 'card-9',
      terminalId: 't-3',
      deviceId: null,
      merchantId: 'shop-1',
    },
    ...{
      country: 'DE',
      amountMinor: 15_000,
      currency: 'EUR',
      outcome: 'decline',
      score: 90,
      reviewScore: 50,
      declineScore: 80,
    },
    ruleSetVersion: '0123456789abcdef.3',
    rules: [
      { ruleId: 'amount-above-own-mean', verdict: 'miss', weight: 30, reason: '' },
      { ruleId: 'card-testing', verdict: 'hit', weight: 90, reason: '<b>5 small payments</b> in a minute' },
      { ruleId: 'impossible-travel', verdict: 'off', weight: 60, reason: '' },
      { ruleId: 'terminal-burst', verdict: 'error', weight: 40, reason: 'no such overload' },
    ],
    features,
    ...{ clockMs: Date.UTC(2026, 5, 1, 10, 0, 1), input: { topic: 'payments', partition: 2, inputOffset: '41' } },
    revision: String((1n << 48n) | 7n),
    producer: { pipeline: 'fraud', version: 1, shard: 0, epoch: 1, orderOffset: '7', index: 3, entryId: 'ab-7' },
    ...over,
  };
}

/** It as a line of the channel `decisions`. */
export function decisionLine(over: Partial<Decision> = {}): LiveRow<DecisionLine> {
  const { features: _features, rules, ...rest } = testDecision(over);
  const hits = rules.filter(({ verdict }) => verdict === 'hit');
  const row: DecisionLine = { ...rest, kind: 'decision-line', hits };
  return { id: `line ${row.paymentSource} ${row.paymentId}`, revision: row.revision, row };
}

/** The counts of `decisions`: `total`, and a minute for each of `perMinute` that ends with noon's. */
export function outcomesRow(
  revision: number,
  total: Record<Outcome, number>,
  perMinute: readonly (readonly [review: number, decline: number])[] = [],
): LiveRow<DecisionCounts> {
  const noonMs = Date.UTC(2026, 5, 1, 10);
  const minutes = perMinute.map(([review, decline], at) => ({
    ...{ startMs: noonMs - (perMinute.length - 1 - at) * minuteMs, approve: 100, review, decline },
  }));
  return { id: 'counts', revision: String(revision), row: { kind: 'counts', sinceMs: 0, total, minutes } };
}
