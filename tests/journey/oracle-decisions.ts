import type { Comparison } from './compare.ts';
import type { JourneyInput, JourneyOracle, Stored } from './oracle.ts';
import { type OracleFeatures, OracleHistory, type OraclePayment } from './oracle-features.ts';
import { oraclePartition } from './oracle-murmur.ts';
import { oracleRows } from './oracle-rows.ts';
import { type OracleRules, oracleRules } from './oracle-rules.ts';
import { type OrderedEntry, orderedEntries } from './order.ts';
import { queryLines } from './stored-rows.ts';

/**
 * What the pipeline `fraud` must say about a handbook file: every feature, rule, score and outcome, and the transitions of the alerts.
 * From the files, and from the order of records and the clock in `order_log`; no code of the engine.
 */
interface OracleDecision {
  readonly features: OracleFeatures;
  readonly outcome: string;
  readonly score: number;
  readonly hits: readonly string[];
}

const orderTopic = 'millrace.order.fraud.v1';
const coolDownMs = 600_000;
const updateEveryMs = 30_000;
const examplesMax = 5;

export interface FraudOracles {
  /** `decisions` and `alerts`. */
  readonly oracles: readonly JourneyOracle[];
  readonly payments: {
    /** By place: partition and offset. */
    at(partition: number, inputOffset: number): OraclePayment | undefined;
    /** By id. */
    of(id: string): OraclePayment | undefined;
  };
  /** What each payment must have been decided, by its id. */
  outcomes(stored: Stored): Promise<ReadonlyMap<string, string>>;
}

/** The kinds share one pass over the order log. */
export async function fraudOracles(input: JourneyInput): Promise<FraudOracles> {
  const payments = await paymentsByPlace(input);
  const byId = new Map(payments.flat().map((payment) => [payment.id, payment]));
  let last: Promise<Made> | null = null;
  const newest = (stored: Stored) => (last ??= make(input, payments, stored));
  const decisions = async (stored: Stored) => {
    last = null;
    return compareDecisions((await newest(stored)).decisions, stored);
  };
  return {
    oracles: [
      { kind: 'decisions', compare: decisions },
      { kind: 'alerts', compare: async (stored) => compareAlerts(await newest(stored), stored) },
    ],
    payments: { at: (partition, inputOffset) => payments[partition]?.[inputOffset], of: (id) => byId.get(id) },
    outcomes: async (stored) =>
      new Map([...(await newest(stored)).decisions].map(([id, { outcome }]) => [id, outcome])),
  };
}

/** By partition, in the order in which they were sent: the offset is the place. */
async function paymentsByPlace({ payments, partitions }: JourneyInput): Promise<readonly (readonly OraclePayment[])[]> {
  const places: OraclePayment[][] = Array.from({ length: partitions }, () => []);
  for await (const row of oracleRows(payments.file, payments.rows)) {
    const text = (column: string) => row.get(column) ?? '';
    places[oraclePartition(text('CUSTOMER_ID'), partitions)]?.push({
      ...{ id: text('TRANSACTION_ID'), cardId: text('CUSTOMER_ID'), terminalId: text('TERMINAL_ID') },
      amountMinor: minorOf(text('TX_AMOUNT')),
      eventTimeMs: Date.parse(`${text('TX_DATETIME')}Z`),
    });
  }
  return places;
}

/** `98.10000000000001` → 9810, by its digits, rounded half up. */
function minorOf(amount: string): number {
  const [whole = '', fraction = ''] = amount.split('.');
  return Math.floor((Number(whole + fraction.padEnd(3, '0').slice(0, 3)) + 5) / 10);
}

interface Made {
  readonly decisions: ReadonlyMap<string, OracleDecision>;
  /** `card transition clock hits`. */
  readonly alerts: readonly string[];
  /** Of the last entry that was read: the service goes on, and tells more by its clock. */
  readonly clockMs: number;
}

async function make(
  { outOfOrdernessMs, partitions }: JourneyInput,
  payments: readonly (readonly OraclePayment[])[],
  { url, database }: Stored,
): Promise<Made> {
  const rules = oracleRules();
  const published = rulesByPlace(rules, partitions);
  const history = new OracleHistory();
  const inForce = new Set<string>();
  let hasThresholds = false;
  const decisions = new Map<string, OracleDecision>();
  const alerts = new OracleAlerts();
  const newestMs = new Map<string, number>();
  let watermarkMs = -Infinity;
  let clockMs = 0;
  for await (const entry of orderedEntries(url, database, orderTopic)) {
    const advance = () => (watermarkMs = Math.max(watermarkMs, slowest(entry, newestMs) - outOfOrdernessMs));
    advance();
    alerts.begin(entry.clockMs);
    for (const { topic, partition, inputOffset } of entry.records) {
      if (topic === 'millrace.rules') {
        const records = published[partition] ?? [];
        const ruleId = records[inputOffset % records.length];
        if (ruleId === 'thresholds') hasThresholds = true;
        else if (ruleId !== undefined) inForce.add(ruleId);
        continue;
      }
      const payment = payments[partition]?.[inputOffset];
      if (topic !== 'payments' || !payment)
        throw new Error(`the oracle does not know ${topic}-${partition} ${inputOffset}`);
      if (!decisions.has(payment.id)) {
        const made = decide(history.add(payment, watermarkMs), payment, rules, inForce, hasThresholds);
        decisions.set(payment.id, made);
        alerts.fold(payment, made.outcome, entry.clockMs);
      }
      const name = `${topic}-${partition}`;
      newestMs.set(name, Math.max(newestMs.get(name) ?? -Infinity, payment.eventTimeMs));
      advance();
    }
    alerts.end(entry.clockMs);
    clockMs = entry.clockMs;
  }
  return { decisions, alerts: alerts.told, clockMs };
}

function slowest({ partitions, idle }: OrderedEntry, newestMs: ReadonlyMap<string, number>): number {
  const active = partitions.filter((name) => !idle.has(name) && !name.startsWith('millrace.rules-'));
  return active.length === 0 ? -Infinity : Math.min(...active.map((name) => newestMs.get(name) ?? -Infinity));
}

/** Each start publishes all of them again, in the same order: in a partition they come round and round. */
function rulesByPlace({ rules }: OracleRules, partitions: number): readonly (readonly string[])[] {
  const places: string[][] = Array.from({ length: partitions }, () => []);
  for (const key of [...rules.map(({ ruleId }) => ruleId), 'thresholds'])
    places[oraclePartition(key, partitions)]?.push(key);
  return places;
}

function decide(
  features: OracleFeatures,
  payment: OraclePayment,
  { rules, reviewScore, declineScore }: OracleRules,
  inForce: ReadonlySet<string>,
  hasThresholds: boolean,
): OracleDecision {
  const hits = rules.filter(({ ruleId, hits: isHit }) => inForce.has(ruleId) && isHit(features, payment));
  const score = hits.reduce((sum, { weight }) => sum + weight, 0);
  const [review, decline] = hasThresholds ? [reviewScore, declineScore] : [50, 80];
  const outcome = score >= decline ? 'decline' : score >= review ? 'review' : 'approve';
  return { features, outcome, score, hits: hits.map(({ ruleId }) => ruleId) };
}

/** One alert a card, told by the clock of the entries. */
class OracleAlerts {
  readonly told: string[] = [];
  private readonly open = new Map<
    string,
    { hits: number; lastHitMs: number; publishedMs: number | null; isChanged: boolean }
  >();

  begin(clockMs: number): void {
    for (const [card, alert] of this.open)
      if (clockMs >= alert.lastHitMs + coolDownMs) {
        this.told.push(`${card} resolved ${clockMs} ${alert.hits}`);
        this.open.delete(card);
      }
  }

  fold({ cardId }: OraclePayment, outcome: string, clockMs: number): void {
    if (outcome === 'approve') return;
    const alert = this.open.get(cardId) ?? { hits: 0, lastHitMs: clockMs, publishedMs: null, isChanged: true };
    this.open.set(cardId, { ...alert, hits: alert.hits + 1, lastHitMs: clockMs, isChanged: true });
  }

  end(clockMs: number): void {
    for (const [card, alert] of this.open) {
      if (!alert.isChanged || (alert.publishedMs !== null && clockMs < alert.publishedMs + updateEveryMs)) continue;
      this.told.push(`${card} ${alert.publishedMs === null ? 'raised' : 'updated'} ${clockMs} ${alert.hits}`);
      this.open.set(card, { ...alert, publishedMs: clockMs, isChanged: false });
    }
  }
}

async function compareDecisions(
  expected: ReadonlyMap<string, OracleDecision>,
  { url, database }: Stored,
): Promise<Comparison> {
  const sql = `SELECT payment_id, outcome, score, features, rules FROM ${database}.decisions FINAL FORMAT JSONCompactEachRow`;
  const counts = { compared: 0, missing: 0, extra: 0, different: 0 };
  const examples: string[] = [];
  const note = (kind: 'extra' | 'different', id: string, detail: string) => {
    counts[kind] += 1;
    if (examples.length < examplesMax) examples.push(`${kind}: payment ${id} ${detail}`);
  };
  const seen = new Set<string>();
  for await (const line of queryLines(url, sql)) {
    const [id, outcome, score, features, rules] = JSON.parse(line) as [string, string, number, string, string];
    const decision = expected.get(id);
    if (!decision || seen.has(id)) {
      note('extra', id, outcome);
      continue;
    }
    seen.add(id);
    counts.compared += 1;
    const why = differenceOf(decision, { outcome, score, features, rules });
    if (why !== null) note('different', id, why);
  }
  counts.missing = expected.size - seen.size;
  return { ...counts, examples };
}

interface StoredDecisionRow {
  readonly outcome: string;
  readonly score: number;
  /** JSON. */
  readonly features: string;
  readonly rules: string;
}

function differenceOf(expected: OracleDecision, row: StoredDecisionRow): string | null {
  const features = JSON.parse(row.features) as OracleFeatures;
  const names = new Set([...Object.keys(features), ...Object.keys(expected.features)]);
  for (const name of names)
    if (features[name] !== expected.features[name])
      return `${name} is ${String(features[name])}, not ${String(expected.features[name])}`;
  const verdicts = JSON.parse(row.rules) as readonly { readonly ruleId: string; readonly verdict: string }[];
  const hits = verdicts.filter(({ verdict }) => verdict === 'hit').map(({ ruleId }) => ruleId);
  if (hits.toSorted().join() !== expected.hits.toSorted().join())
    return `hits ${hits.join()}, not ${expected.hits.join()}`;
  if (row.score !== expected.score || row.outcome !== expected.outcome)
    return `is ${row.outcome} ${row.score}, not ${expected.outcome} ${expected.score}`;
  return null;
}

async function compareAlerts({ alerts: expected, clockMs }: Made, { url, database }: Stored): Promise<Comparison> {
  const sql = `SELECT entity_id, transition, toUnixTimestamp64Milli(clock), hits FROM ${database}.alerts FINAL WHERE pipeline = 'fraud' AND clock <= fromUnixTimestamp64Milli(${clockMs}) FORMAT JSONCompactEachRow`;
  const left = new Set(expected);
  const extra: string[] = [];
  for await (const line of queryLines(url, sql)) {
    const told = (JSON.parse(line) as readonly (string | number)[]).join(' ');
    if (!left.delete(told)) extra.push(told);
  }
  return {
    ...{ compared: expected.length - left.size, missing: left.size, extra: extra.length, different: 0 },
    examples: [...[...left].map((told) => `missing: ${told}`), ...extra.map((told) => `extra: ${told}`)].slice(
      0,
      examplesMax,
    ),
  };
}
