import type { Decision } from '../../events/decisions.ts';
import type { ReadFrom } from './queries.ts';

/**
 * Decisions as they are stored, to be held against recomputed ones. Reads only.
 * Guarantees every column that says something about the decision, features and rules word for word.
 * Redelivered rows come once, with the highest revision.
 */
export interface StoredDecision {
  readonly paymentSource: string;
  readonly paymentId: string;
  readonly shard: number;
  readonly epoch: number;
  readonly orderOffset: bigint;
  readonly columns: DecisionColumns;
}

/** By name: the same for a stored row and for a decision that was made again. */
export type DecisionColumns = Readonly<Record<DecisionColumn, string | number | null>>;
export type DecisionColumn = (typeof columnNames)[number];

const columnNames = [
  ...(['event_time', 'card_id', 'terminal_id', 'device_id', 'merchant_id', 'country', 'amount_minor'] as const),
  ...([
    'currency',
    'outcome',
    'score',
    'review_score',
    'decline_score',
    'rule_set_version',
    'rules',
    'features',
    'clock',
    'topic',
    'partition',
  ] as const),
  ...(['offset', 'revision', 'shard', 'epoch', 'order_offset', 'output_index', 'entry_id'] as const),
] as const;

export interface DecisionQuery {
  readonly pipeline: string;
  readonly version: number;
  /** Only the decisions on payments of this id, whatever their source. */
  readonly paymentId?: string;
  /** So many, drawn by a hash of the payment: the same ones each time. */
  readonly rowsMax: number;
}

export async function storedDecisions(
  { client, database }: ReadFrom,
  { pipeline, version, paymentId, rowsMax }: DecisionQuery,
): Promise<readonly StoredDecision[]> {
  const times = new Set<string>(['event_time', 'clock']);
  const columns = columnNames.map((name) => (times.has(name) ? `toUnixTimestamp64Milli(${name})` : name));
  const query = `SELECT payment_source, payment_id, ${columns.join(', ')}
     FROM ${database}.decisions FINAL
     WHERE pipeline = {pipeline:String} AND version = {version:UInt32}
       ${paymentId === undefined ? '' : 'AND payment_id = {paymentId:String}'}
     ORDER BY cityHash64(payment_source, payment_id), payment_source, payment_id LIMIT {rowsMax:UInt32}`;
  const query_params = { pipeline, version, rowsMax, paymentId };
  const result = await client.query({ query, query_params, format: 'JSONCompactEachRow' });
  const rows = await result.json<readonly (string | number | null)[]>();
  return rows.map(([paymentSource, id, ...values]) => {
    const named = Object.fromEntries(columnNames.map((name, i) => [name, values[i] ?? null])) as DecisionColumns;
    return {
      paymentSource: String(paymentSource),
      paymentId: String(id),
      shard: Number(named.shard),
      epoch: Number(named.epoch),
      orderOffset: BigInt(named.order_offset ?? 0),
      columns: named,
    };
  });
}

/** The decisions on payments of one id as they were on their topic, one a source. */
export async function decisionsOn(
  from: ReadFrom,
  { paymentId, ...of }: { readonly pipeline: string; readonly version: number; readonly paymentId: string },
): Promise<readonly Decision[]> {
  const all = await storedDecisions(from, { ...of, paymentId, rowsMax: sourcesMax });
  return all.map((stored) => toDecision(stored, of));
}

/** Sources that have a payment of one id. */
const sourcesMax = 100;

function toDecision(
  { paymentSource, paymentId, columns: c }: StoredDecision,
  of: { readonly pipeline: string; readonly version: number },
): Decision {
  const text = (name: DecisionColumn) => String(c[name]);
  const orNull = (name: DecisionColumn) => (c[name] === null ? null : String(c[name]));
  return {
    ...{
      kind: 'decision',
      ...of,
      paymentId,
      paymentSource,
      eventTimeMs: Number(c.event_time),
      cardId: text('card_id'),
    },
    ...{ terminalId: orNull('terminal_id'), deviceId: orNull('device_id'), merchantId: orNull('merchant_id') },
    ...{ country: orNull('country'), amountMinor: Number(c.amount_minor), currency: text('currency') },
    ...{
      outcome: text('outcome') as Decision['outcome'],
      score: Number(c.score),
      reviewScore: Number(c.review_score),
      declineScore: Number(c.decline_score),
      ruleSetVersion: text('rule_set_version'),
    },
    rules: JSON.parse(text('rules')) as Decision['rules'],
    features: JSON.parse(text('features')) as Decision['features'],
    clockMs: Number(c.clock),
    input: { topic: text('topic'), partition: Number(c.partition), inputOffset: text('offset') },
    revision: text('revision'),
    producer: {
      ...of,
      ...{ shard: Number(c.shard), epoch: Number(c.epoch), orderOffset: text('order_offset') },
      ...{ index: Number(c.output_index), entryId: text('entry_id') },
    },
  };
}

/** The columns of a decision as `storedDecisions` gives them. */
export function decisionColumns(decision: Decision): DecisionColumns {
  const { producer, input } = decision;
  return {
    event_time: String(decision.eventTimeMs),
    card_id: decision.cardId,
    terminal_id: decision.terminalId,
    device_id: decision.deviceId,
    merchant_id: decision.merchantId,
    country: decision.country,
    amount_minor: String(decision.amountMinor),
    currency: decision.currency,
    outcome: decision.outcome,
    score: decision.score,
    review_score: decision.reviewScore,
    decline_score: decision.declineScore,
    rule_set_version: decision.ruleSetVersion,
    rules: JSON.stringify(decision.rules),
    features: JSON.stringify(decision.features),
    clock: String(decision.clockMs),
    topic: input.topic,
    partition: input.partition,
    offset: input.inputOffset,
    revision: decision.revision,
    shard: producer.shard,
    epoch: producer.epoch,
    order_offset: producer.orderOffset,
    output_index: producer.index,
    entry_id: producer.entryId,
  };
}

/** The names of the columns in which two decisions differ. */
export function differingColumns(a: DecisionColumns, b: DecisionColumns): readonly DecisionColumn[] {
  return columnNames.filter((name) => a[name] !== b[name]);
}
