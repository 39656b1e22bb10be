-- Webhooks: what was said about endpoints, and the id under which each transition of an alert is delivered.

-- added: told from then on; enabled: after it had disabled itself; resend: dead ones to be sent again (webhook_id empty: all).
CREATE TABLE IF NOT EXISTS {database}.endpoint_notes
(
    endpoint LowCardinality(String),
    note LowCardinality(String),
    webhook_id String,
    at DateTime64(3, 'UTC'),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (endpoint, note, webhook_id, at);

-- Every transition of every alert with its webhook id: joins with deliveries_final.
CREATE OR REPLACE VIEW {database}.alert_webhooks AS
SELECT
    concat('msg_', substring(lower(hex(SHA256(concat(
        toString(pipeline), '/', toString(version), '/', toString(shard), '/', toString(epoch), '/', toString(order_offset), '/',
        toString(output_index))))), 1, 32)) AS webhook_id,
    pipeline, version, alert_id, transition, entity_type, entity_id, fingerprint, severity, title, reasons, hits, first_event_time,
    last_event_time, payment_id, decision_payment_ids, clock,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.alerts FINAL;
