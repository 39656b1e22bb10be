import type { Alert } from '../../events/decisions.ts';
import type { ReadFrom } from './queries.ts';

/**
 * Alerts as they are stored. Reads only. Guarantees one row an alert, its newest transition; redelivered rows come once.
 */

/** Alerts of a payment. */
const alertsMax = 100;

const columns = `pipeline, version, alert_id, transition, entity_type, entity_id, fingerprint, severity, title, reasons, hits,
       toUnixTimestamp64Milli(first_event_time), toUnixTimestamp64Milli(last_event_time), payment_id, decision_payment_ids,
       toUnixTimestamp64Milli(clock), revision, shard, epoch, order_offset, output_index, entry_id`;

/** The alerts that named a payment in any of their transitions, each as it stands now, the newest first. */
export async function alertsOn({ client, database }: ReadFrom, paymentId: string): Promise<readonly Alert[]> {
  const query = `SELECT ${columns}
     FROM ${database}.alerts_final
     WHERE alert_id IN (SELECT alert_id FROM ${database}.alerts WHERE has(decision_payment_ids, {paymentId:String}))
     ORDER BY clock DESC, alert_id LIMIT {alertsMax:UInt32}`;
  const query_params = { paymentId, alertsMax };
  const rows = await (await client.query({ query, query_params, format: 'JSONCompactEachRow' })).json<AlertRow>();
  return rows.map(toAlert);
}

/** The alerts that the versions up to this one have told and not ended, the oldest first. */
export async function liveAlerts(
  { client, database }: ReadFrom,
  pipeline: string,
  version: number,
): Promise<readonly Alert[]> {
  const query = `SELECT * FROM (
       SELECT ${columns} FROM ${database}.alerts FINAL
       WHERE pipeline = {pipeline:String} AND version <= {version:UInt32}
       ORDER BY version DESC, revision DESC LIMIT 1 BY alert_id)
     WHERE transition IN ('raised', 'updated') ORDER BY revision, alert_id`;
  const query_params = { pipeline, version };
  const rows = await (await client.query({ query, query_params, format: 'JSONCompactEachRow' })).json<AlertRow>();
  return rows.map(toAlert);
}

type AlertRow = [
  ...[pipeline: string, version: number, alertId: string, transition: Alert['transition']],
  ...[entityType: string, entityId: string, fingerprint: string, severity: Alert['severity'], title: string],
  ...[reasons: string[], hits: number, firstMs: string, lastMs: string, paymentId: string | null, ids: string[]],
  ...[clockMs: string, revision: string, shard: number, epoch: number, orderOffset: string, index: number],
  entryId: string,
];

function toAlert(row: AlertRow): Alert {
  const [pipeline, version, alertId, transition, entityType, entityId, fingerprint, severity, title, ...rest] = row;
  const [reasons, hits, firstMs, lastMs, paymentId, decisionPaymentIds, clockMs, revision, ...place] = rest;
  const [shard, epoch, orderOffset, index, entryId] = place;
  return {
    ...{ kind: 'alert', pipeline, version, alertId, transition, entityType, entityId, fingerprint, severity, title },
    ...{ reasons, hits, firstEventTimeMs: Number(firstMs), lastEventTimeMs: Number(lastMs), paymentId },
    ...{ decisionPaymentIds, clockMs: Number(clockMs), revision },
    producer: { pipeline, version, shard, epoch, orderOffset, index, entryId },
  };
}
