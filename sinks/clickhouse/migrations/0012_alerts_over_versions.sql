-- An alert has the same id in every version of its pipeline, and a new version does not tell again what the one before has told: it
-- stands as its newest transition says, whichever live version that is of.
CREATE OR REPLACE VIEW {database}.alerts_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.alerts GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.3, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, alert_id, transition, entity_type, entity_id, fingerprint, severity, title, reasons, hits, first_event_time,
    last_event_time, payment_id, decision_payment_ids, clock,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.alerts FINAL
WHERE version <= if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2)
ORDER BY version DESC, revision DESC
LIMIT 1 BY pipeline, alert_id;
