-- After `millrace restore` an input record may be refused again, under the epoch of the restore: one row of it is shown, the newest.
-- The timestamp tells records of two incarnations of a topic apart.

CREATE OR REPLACE VIEW {database}.late_records_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.late_records GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, output, key, window_start, window_end, event_id, source, event_time, watermark, late_by_ms, would_add,
    epoch, topic, partition, offset, timestamp, revision, shard, order_offset, output_index, entry_id
FROM {database}.late_records FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= window_start, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2)
ORDER BY revision DESC
LIMIT 1 BY pipeline, version, output, key, window_start, topic, partition, offset, timestamp;

CREATE OR REPLACE VIEW {database}.dead_letters_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.dead_letters GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, epoch, topic, partition, offset, timestamp, reason, message, field_path, source, key, value, revision,
    shard, order_offset, output_index, entry_id
FROM {database}.dead_letters FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2)
ORDER BY revision DESC
LIMIT 1 BY pipeline, version, topic, partition, offset, timestamp;

CREATE OR REPLACE VIEW {database}.quarantined_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.quarantined GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, epoch, topic, partition, offset, timestamp, event_type, event_version, newest_known_version, key, value,
    revision, shard, order_offset, output_index, entry_id
FROM {database}.quarantined FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2)
ORDER BY revision DESC
LIMIT 1 BY pipeline, version, topic, partition, offset, timestamp;
