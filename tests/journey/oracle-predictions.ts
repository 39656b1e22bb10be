import type { Comparison } from './compare.ts';
import type { JourneyInput, JourneyOracle, Stored } from './oracle.ts';
import type { FraudOracles } from './oracle-decisions.ts';
import { OracleMetricAlerts } from './oracle-metric-alerts.ts';
import { type OracleMinute, horizons, OracleSeries } from './oracle-forecast.ts';
import { type OrderedEntry, orderedEntries } from './order.ts';
import { queryLines } from './stored-rows.ts';

/**
 * What the pipeline `predictions` must say about a handbook file: every minute of every series, what was said of it before, scores, bands
 * and alerts. From the files, from the outcomes that the oracle of decisions has computed, and from the order of records and the clock in
 * `order_log`; of a decision's record only which payment it is about is read. No code of the engine.
 */
const orderTopic = 'millrace.order.predictions.v1';
const decisionsTopic = 'millrace.decisions';
const minute = 60_000;
const hour = 3_600_000;
const latenessMs = 3_600_000;
const emptyMinutesMax = 360;
const examplesMax = 5;
/** The file names no country: each total has a twin. */
const keysOf = {
  revenue: ['all/EUR', 'unknown/EUR'],
  volume: ['all', 'unknown/EUR'],
  decline_rate: ['all', 'unknown/EUR'],
};

export function predictionsOracle(input: JourneyInput, fraud: FraudOracles): JourneyOracle {
  return {
    kind: 'predictions',
    compare: async (stored) => {
      const places = await decisionPlaces(stored);
      const { payments } = fraud;
      const outcomes = await fraud.outcomes(stored);
      const told = new Told();
      const [money, rates] = [new OracleGroup(['revenue', 'volume'], told), new OracleGroup(['decline_rate'], told)];
      const clocks = { payments: new Clock('payments', input), decisions: new Clock(decisionsTopic, input) };
      const [seen, judged] = [new Set<string>(), new Set<string>()];
      for await (const entry of orderedEntries(stored.url, stored.database, orderTopic)) {
        told.begin(entry.clockMs);
        for (const clock of Object.values(clocks)) clock.begin(entry);
        clocks.payments.advance(null);
        for (const { topic, partition, inputOffset } of entry.records) {
          const isPayment = topic === 'payments';
          const id = isPayment ? null : places.get(`${partition} ${inputOffset}`);
          const payment = isPayment ? payments.at(partition, inputOffset) : payments.of(id ?? '');
          if (!payment) throw new Error(`the oracle does not know ${topic}-${partition} ${inputOffset}`);
          const [group, clock, known] = isPayment ? [money, clocks.payments, seen] : [rates, clocks.decisions, judged];
          if (!known.has(payment.id)) {
            known.add(payment.id);
            group.advance(clock.watermarkMs);
            if (isPayment) group.add(payment.eventTimeMs, payment.amountMinor, clock.watermarkMs);
            else group.add(payment.eventTimeMs, outcomes.get(payment.id) === 'decline' ? 1 : 0, clock.watermarkMs);
          }
          clock.observe(partition, payment.eventTimeMs, entry.clockMs);
          clock.advance(isPayment ? null : clocks.payments.watermarkMs);
        }
        clocks.decisions.advance(clocks.payments.watermarkMs);
        money.advance(clocks.payments.publishUpTo(entry, entry.records.length > 0));
        rates.advance(clocks.decisions.publishUpTo(entry, false));
        for (const group of [money, rates]) group.correctEntry();
        for (const group of [money, rates]) group.endEntry();
        told.end();
      }
      return compareTold(told, stored);
    },
  };
}

/** Which payment the decision at each place is about: the order of another topic. */
async function decisionPlaces({ url, database }: Stored): Promise<ReadonlyMap<string, string>> {
  const sql = `SELECT partition, toString(offset), JSONExtractString(ifNull(value, ''), 'paymentId') FROM ${database}.events FINAL WHERE topic = '${decisionsTopic}' FORMAT JSONCompactEachRow`;
  const places = new Map<string, string>();
  for await (const line of queryLines(url, sql)) {
    const [partition, offset, id] = JSON.parse(line) as [number, string, string];
    places.set(`${partition} ${offset}`, id);
  }
  return places;
}

/** Event time of the partitions of one topic. */
class Clock {
  watermarkMs = -Infinity;
  private readonly newest = new Map<string, number>();
  private active: readonly string[] = [];
  private all: readonly string[] = [];
  private newestMs = -Infinity;
  private activityMs = -Infinity;

  private readonly topic: string;
  private readonly options: JourneyInput;

  constructor(topic: string, options: JourneyInput) {
    this.topic = topic;
    this.options = options;
  }

  begin({ partitions, idle }: OrderedEntry): void {
    this.all = partitions.filter((name) => name.startsWith(`${this.topic}-`));
    this.active = this.all.filter((name) => !idle.has(name));
  }

  observe(partition: number, timeMs: number, clockMs: number): void {
    const name = `${this.topic}-${partition}`;
    this.newest.set(name, Math.max(this.newest.get(name) ?? -Infinity, timeMs));
    if (timeMs > this.newestMs) [this.newestMs, this.activityMs] = [timeMs, clockMs];
  }

  /** When all input is silent, by the silence; `isActive`: for payments any record ends it. */
  publishUpTo({ partitions, idle, clockMs }: OrderedEntry, isActive: boolean): number {
    if (isActive) this.activityMs = clockMs;
    const isAllIdle = partitions.every((name) => idle.has(name));
    if (!isAllIdle || this.newestMs === -Infinity) return this.watermarkMs;
    return Math.max(this.watermarkMs, this.newestMs + clockMs - this.activityMs - this.options.outOfOrdernessMs);
  }

  /** Idle partitions are left out; with `besideMs` only while the newest is not behind that. */
  advance(besideMs: number | null): void {
    const isBehind = besideMs !== null && this.newestMs < besideMs - this.options.outOfOrdernessMs;
    if (this.active.length === 0) return;
    const counted = isBehind ? this.all : this.active;
    const lowest = Math.min(...counted.map((name) => this.newest.get(name) ?? -Infinity));
    this.watermarkMs = Math.max(this.watermarkMs, lowest - this.options.outOfOrdernessMs);
  }
}

/** What is to be stored, by identity, with the clock of the entry that said it. */
class Told {
  readonly rows = new Map<string, { readonly values: string; readonly clockMs: number }>();
  readonly alerts = new OracleMetricAlerts();
  clockMs = 0;

  begin(clockMs: number): void {
    this.clockMs = clockMs;
    this.alerts.begin(clockMs);
  }

  say(identity: string, values: readonly unknown[]): void {
    this.rows.set(identity, { values: JSON.stringify(values), clockMs: this.clockMs });
  }

  end(): void {
    this.alerts.end();
  }
}

/** Series that close together. */
class OracleGroup {
  private readonly series: readonly { readonly metric: keyof typeof keysOf; readonly one: OracleSeries }[];
  private readonly minutes = new Map<number, { sum: number; count: number }>();
  /** Minutes that are over, and those of them to which something was added in this entry. */
  private readonly closed = new Map<number, { sum: number; count: number }>();
  private readonly changed = new Set<number>();
  private nextMs = -1;
  private closedAny = false;
  private empty = 0;
  private newestOfEntry = -1;

  private readonly told: Told;

  constructor(metrics: readonly (keyof typeof keysOf)[], told: Told) {
    this.told = told;
    this.series = metrics.map((metric) => ({ metric, one: new OracleSeries(metric) }));
  }

  add(timeMs: number, amount: number, watermarkMs: number): void {
    const at = timeMs - (timeMs % minute);
    // Partitions that come back one by one after a pause make such ones when hours of event time pass in a second.
    if (at + minute + latenessMs <= watermarkMs) return;
    if (this.nextMs < 0 || (!this.closedAny && at < this.nextMs)) this.nextMs = at;
    const minutes = at < this.nextMs ? this.closed : this.minutes;
    const { sum, count } = minutes.get(at) ?? { sum: 0, count: 0 };
    minutes.set(at, { sum: sum + amount, count: count + 1 });
    if (minutes === this.closed) this.changed.add(at);
  }

  advance(upToMs: number): void {
    while (this.nextMs >= 0 && this.nextMs + minute <= upToMs) {
      const at = this.nextMs;
      const held = this.minutes.get(at);
      this.empty = held ? 0 : this.empty + 1;
      if (this.empty > emptyMinutesMax) {
        this.nextMs = Math.min(upToMs - (upToMs % minute), ...this.minutes.keys());
        continue;
      }
      this.minutes.delete(at);
      this.closed.set(at, held ?? { sum: 0, count: 0 });
      this.closedAny = true;
      this.nextMs = at + minute;
      this.newestOfEntry = at;
      for (const { metric, one } of this.series) this.close(metric, one, at, held ?? { sum: 0, count: 0 });
    }
  }

  private close(
    metric: keyof typeof keysOf,
    one: OracleSeries,
    at: number,
    { sum, count }: { readonly sum: number; readonly count: number },
  ): void {
    const closed: OracleMinute | null = one.close(at, sum, count);
    const promised = one.promise(at);
    for (const key of keysOf[metric]) {
      if (closed) {
        const { forecast, low, high, actual, score, isAnomaly } = closed;
        this.told.say(`${metric} ${key} ${at} 0`, [forecast, low, high, actual, score, isAnomaly ? 1 : 0]);
      }
      promised.forEach(({ forecast, low, high }, i) => {
        const horizon = horizons[i] ?? 0;
        this.told.say(`${metric} ${key} ${at + horizon * minute} ${horizon}`, [forecast, low, high, null, null, 0]);
      });
      if ((at + minute) % hour === 0) this.tellScore(metric, key, one, at);
      this.told.alerts.fold(`${metric}/${key}`, one, at, closed);
    }
  }

  private tellScore(metric: string, key: string, one: OracleSeries, at: number): void {
    const score = one.liveScore();
    if (score) this.told.say(`score ${metric} ${key} ${at}`, [...score, one.alarms.length, one.isMuted ? 1 : 0]);
  }

  correctEntry(): void {
    for (const { metric, one } of this.series)
      for (const at of this.changed) {
        const { sum, count } = this.closed.get(at) ?? { sum: 0, count: 0 };
        const corrected = one.correct(at, sum, count);
        if (!corrected) continue;
        const { forecast, low, high, actual, score, isAnomaly } = corrected;
        for (const key of keysOf[metric]) {
          this.told.say(`${metric} ${key} ${at} 0`, [forecast, low, high, actual, score, isAnomaly ? 1 : 0]);
          this.told.alerts.correct(`${metric}/${key}`, at, corrected);
        }
      }
    this.changed.clear();
  }

  endEntry(): void {
    const newest = this.newestOfEntry;
    this.newestOfEntry = -1;
    if (newest < 0) return;
    for (const { metric, one } of this.series) {
      const band = Array.from({ length: 60 }, (_, i) => one.ahead(newest + (i + 1) * minute, i + 1));
      for (const key of keysOf[metric]) {
        this.tellScore(metric, key, one, newest);
        const columns = [band.map((at) => at.forecast), band.map((at) => at.low), band.map((at) => at.high)];
        this.told.say(`band ${metric} ${key}`, [newest + minute, ...columns]);
      }
    }
  }
}

const ms = (column: string) => `toUnixTimestamp64Milli(${column})`;
const tables = [
  [
    'predictions',
    `concat(metric, ' ', key, ' ', toString(${ms('target')}), ' ', toString(horizon_minutes))`,
    'forecast, low, high, actual, anomaly_score, is_anomaly',
  ],
  [
    'forecast_scores',
    `concat('score ', metric, ' ', key, ' ', toString(${ms('target')}))`,
    'mean_absolute_error, naive_mean_absolute_error, coverage, samples, alarms, is_muted',
  ],
  ['forecast_bands', `concat('band ', metric, ' ', key)`, `toFloat64(${ms('starts')}), forecast, low, high`],
] as const;

async function compareTold({ rows, alerts, clockMs }: Told, { url, database }: Stored): Promise<Comparison> {
  const counts = { compared: 0, missing: 0, extra: 0, different: 0 };
  const examples: string[] = [];
  const note = (kind: 'missing' | 'extra' | 'different', what: string) => {
    counts[kind] += 1;
    if (examples.length < examplesMax) examples.push(`${kind}: ${what}`);
  };
  const left = new Map(rows);
  for (const [table, identity, values] of tables) {
    const sql = `SELECT ${identity}, ${ms('clock')}, ${values} FROM ${database}.${table} FINAL WHERE pipeline = 'predictions' FORMAT JSONCompactEachRow`;
    for await (const line of queryLines(url, sql)) {
      const [name, clock, ...given] = JSON.parse(line) as [string, string, ...unknown[]];
      const expected = left.get(name);
      left.delete(name);
      // The service goes on, and tells more by its clock, or again.
      if (Number(clock) > clockMs) continue;
      if (!expected) note('extra', name);
      else {
        counts.compared += 1;
        if (JSON.stringify(given) !== expected.values)
          note('different', `${name}: ${JSON.stringify(given)}, not ${expected.values}`);
      }
    }
  }
  for (const name of left.keys()) note('missing', name);
  const expectedAlerts = new Set(alerts.told);
  const sql = `SELECT entity_id, transition, ${ms('clock')}, hits FROM ${database}.alerts FINAL WHERE pipeline = 'predictions' AND clock <= fromUnixTimestamp64Milli(${clockMs}) FORMAT JSONCompactEachRow`;
  for await (const line of queryLines(url, sql)) {
    const told = (JSON.parse(line) as readonly (string | number)[]).join(' ');
    if (expectedAlerts.delete(told)) counts.compared += 1;
    else note('extra', `alert ${told}`);
  }
  for (const told of expectedAlerts) note('missing', `alert ${told}`);
  return { ...counts, examples };
}
