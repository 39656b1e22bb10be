-- A decision keeps the thresholds that were in force; 0 in decisions from before.
ALTER TABLE {database}.decisions
    ADD COLUMN IF NOT EXISTS review_score Float64 AFTER score,
    ADD COLUMN IF NOT EXISTS decline_score Float64 AFTER review_score;

-- As in 0005, and the thresholds.
CREATE OR REPLACE VIEW {database}.decisions_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.decisions GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, payment_source, payment_id, event_time, card_id, terminal_id, device_id, merchant_id, country, amount_minor,
    currency, outcome, score, review_score, decline_score, rule_set_version, rules, features, feature_values, clock, topic, partition, offset,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.decisions FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= event_time, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);
