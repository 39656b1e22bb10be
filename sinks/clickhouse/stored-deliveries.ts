import type { Alert, DeliveryAttempt, EndpointNote } from '../../events/decisions.ts';
import type { ReadFrom } from './queries.ts';

/**
 * What is stored about webhooks: transitions with their ids, attempts, notes on endpoints, as they were on their topics.
 * Guarantees one row per identity, whatever is not merged yet; an alert comes back with every byte that its webhook is made of.
 * Reads only; redelivered rows change nothing.
 */
export interface StoredTransition {
  readonly alert: Alert;
  /** Newest record of its delivery to the endpoint; null: none. */
  readonly last: DeliveryAttempt | null;
}

export interface UnsettledQuery {
  readonly endpoint: string;
  /** Decided at or after, by the logged clock. */
  readonly sinceMs: number;
  /** The newest ones when there are more. */
  readonly rowsMax: number;
}

/**
 * Of every alert with a transition that was neither delivered to the endpoint nor replaced: all transitions since, in the order of
 * their revisions.
 */
export async function unsettledTransitions(
  from: ReadFrom,
  { endpoint, sinceMs, rowsMax }: UnsettledQuery,
): Promise<readonly StoredTransition[]> {
  const { database } = from;
  const rows = await select<[...AlertColumns, ...AttemptColumns]>(
    from,
    `WITH
       attempts AS (SELECT webhook_id, argMax(tuple(${attemptValues}), attempt) AS last FROM ${database}.deliveries_final
         WHERE endpoint = {endpoint:String} GROUP BY webhook_id),
       told AS (SELECT * FROM ${database}.alert_webhooks WHERE clock >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')),
       settled AS (SELECT webhook_id FROM attempts WHERE last.3 IN ('delivered', 'replaced'))
     SELECT ${alertColumns}, webhook_id,
       {endpoint:String}, alert_id, last.1, last.2, last.3, last.4, last.5, last.6, last.7
     FROM told LEFT JOIN attempts USING (webhook_id)
     WHERE (pipeline, version, alert_id) IN
       (SELECT pipeline, version, alert_id FROM told WHERE webhook_id NOT IN (SELECT webhook_id FROM settled))
     ORDER BY revision DESC, output_index DESC LIMIT {rowsMax:UInt32}`,
    { endpoint, since: String(sinceMs), rowsMax },
  );
  return rows.toReversed().map((row) => {
    const attempt = row.slice(alertColumnsCount) as AttemptColumns;
    return {
      alert: toAlert(row.slice(0, alertColumnsCount) as AlertColumns),
      last: Number(attempt[4]) === 0 ? null : toAttempt(attempt),
    };
  });
}

/** The newest record of each of these webhooks, by endpoint. */
export async function lastAttempts(from: ReadFrom, webhookIds: readonly string[]): Promise<readonly DeliveryAttempt[]> {
  const rows = await select<AttemptColumns>(
    from,
    `SELECT ${attemptColumns} FROM ${from.database}.deliveries_final WHERE webhook_id IN {webhookIds:Array(String)}
     ORDER BY attempt DESC LIMIT 1 BY webhook_id, endpoint`,
    { webhookIds },
  );
  return rows.map(toAttempt);
}

export interface LogQuery {
  /** All endpoints when absent. */
  readonly endpoint?: string | undefined;
  /** Only those that are dead now, instead of every attempt. */
  readonly isDead: boolean;
  readonly rowsMax: number;
}

/** Attempts, the newest first. */
export async function deliveryLog(
  from: ReadFrom,
  { endpoint, isDead, rowsMax }: LogQuery,
): Promise<readonly DeliveryAttempt[]> {
  const { database } = from;
  const dead = `(webhook_id, endpoint, attempt) IN (SELECT webhook_id, endpoint, max(attempt) FROM ${database}.deliveries_final
    GROUP BY webhook_id, endpoint HAVING argMax(outcome, attempt) = 'dead')`;
  const rows = await select<AttemptColumns>(
    from,
    `SELECT ${attemptColumns} FROM ${database}.deliveries_final
     WHERE ({endpoint:String} = '' OR endpoint = {endpoint:String}) AND ${isDead ? dead : '1'}
     ORDER BY at DESC, attempt DESC LIMIT {rowsMax:UInt32}`,
    { endpoint: endpoint ?? '', rowsMax },
  );
  return rows.map(toAttempt);
}

/** Every note, the oldest first, and of each endpoint the newest attempt that disabled it. */
export async function endpointNotes(
  from: ReadFrom,
): Promise<{ readonly notes: readonly EndpointNote[]; readonly disabledAtMs: ReadonlyMap<string, number> }> {
  const { database } = from;
  const notes = await select<[string, EndpointNote['note'], string, string]>(
    from,
    `SELECT endpoint, note, webhook_id, ${ms('at')} FROM ${database}.endpoint_notes FINAL ORDER BY at`,
    {},
  );
  const disabled = await select<[string, string]>(
    from,
    `SELECT endpoint, max(${ms('at')}) FROM ${database}.deliveries_final WHERE outcome = 'disabled' GROUP BY endpoint`,
    {},
  );
  return {
    notes: notes.map(([endpoint, note, webhookId, atMs]) => ({
      ...{ kind: 'endpoint-note', endpoint, note, webhookId, atMs: Number(atMs) },
    })),
    disabledAtMs: new Map(disabled.map(([endpoint, atMs]) => [endpoint, Number(atMs)])),
  };
}

/** The newest transitions of alerts, one an alert, the newest first. */
export async function newestAlerts(from: ReadFrom, rowsMax: number): Promise<readonly Alert[]> {
  const rows = await select<AlertColumns>(
    from,
    `SELECT ${alertColumns} FROM ${from.database}.alert_webhooks
     ORDER BY revision DESC, output_index DESC LIMIT 1 BY pipeline, version, alert_id LIMIT {rowsMax:UInt32}`,
    { rowsMax },
  );
  return rows.map(toAlert);
}

const ms = (column: string): string => `toUnixTimestamp64Milli(${column})`;
const alertColumns =
  `pipeline, version, alert_id, transition, entity_type, entity_id, fingerprint, severity, title, reasons, hits, ` +
  `${ms('first_event_time')}, ${ms('last_event_time')}, payment_id, decision_payment_ids, ${ms('clock')}, revision, shard, epoch, ` +
  `order_offset, output_index, entry_id`;
const alertColumnsCount = 22;
const attemptValues = `transition, attempt, outcome, status, detail, ${ms('at')}, ${ms('next_at')}`;
const attemptColumns = `webhook_id, endpoint, alert_id, transition, attempt, outcome, status, detail, ${ms('at')}, ${ms('next_at')}`;

type AlertColumns = [
  ...[pipeline: string, version: number, alertId: string, transition: Alert['transition'], entityType: string],
  ...[
    entityId: string,
    fingerprint: string,
    severity: Alert['severity'],
    title: string,
    reasons: string[],
    hits: number,
  ],
  ...[first: string, last: string, paymentId: string | null, payments: string[], clock: string, revision: string],
  ...[shard: number, epoch: number, orderOffset: string, index: number, entryId: string],
];
type AttemptColumns = [
  ...[webhookId: string, endpoint: string, alertId: string, transition: DeliveryAttempt['transition'], attempt: number],
  ...[outcome: DeliveryAttempt['outcome'], status: number | null, detail: string, at: string, nextAt: string | null],
];

function toAlert(row: AlertColumns): Alert {
  const [pipeline, version, alertId, transition, entityType, entityId, fingerprint, severity, title, ...more] = row;
  const [reasons, hits, first, last, paymentId, decisionPaymentIds, clock, revision, ...place] = more;
  const [shard, epoch, orderOffset, index, entryId] = place;
  return {
    ...{ kind: 'alert', pipeline, version, alertId, transition, entityType, entityId, fingerprint, severity, title },
    ...{ reasons, hits, firstEventTimeMs: Number(first), lastEventTimeMs: Number(last), paymentId, decisionPaymentIds },
    ...{ clockMs: Number(clock), revision, producer: { pipeline, version, shard, epoch, orderOffset, index, entryId } },
  };
}

function toAttempt(row: AttemptColumns): DeliveryAttempt {
  const [webhookId, endpoint, alertId, transition, attempt, outcome, status, detail, at, nextAt] = row;
  return {
    ...{
      kind: 'delivery',
      webhookId,
      endpoint,
      alertId,
      transition,
      attempt: Number(attempt),
      outcome,
      status,
      detail,
    },
    ...{ atMs: Number(at), nextAtMs: nextAt === null ? null : Number(nextAt) },
  };
}

async function select<Row>({ client }: ReadFrom, query: string, params: Record<string, unknown>) {
  const result = await client.query({ query, query_params: params, format: 'JSONCompactEachRow' });
  return result.json<Row>() as Promise<readonly Row[]>;
}
