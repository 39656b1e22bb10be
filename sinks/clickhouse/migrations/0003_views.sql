-- One row per identity, of the pipeline version that is live. Both scalars are small: the first is answered from the names of
-- partitions, the second from a table of a few rows.

CREATE OR REPLACE VIEW {database}.window_results_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.window_results GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, output, key, window_start, window_end, state, complete, watermark, clock, `values`, revision,
    shard, epoch, order_offset, output_index, entry_id
FROM {database}.window_results FINAL
WHERE state != 'tombstone'
    AND version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= window_start, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

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
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

-- Dead letters and quarantined events belong to no window: of the version that is live for the newest ones.
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
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

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
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

-- Payments by window: keys are `<country or merchant>/<currency>`, money in minor units of that currency.
CREATE OR REPLACE VIEW {database}.revenue_final AS
SELECT
    output,
    key,
    splitByChar('_', output)[1] AS dimension,
    splitByChar('/', key)[-1] AS currency,
    substring(key, 1, length(key) - length(currency) - 1) AS dimension_value,
    if(dimension = 'country', dimension_value, NULL) AS country,
    if(dimension = 'merchant', dimension_value, NULL) AS merchant,
    window_start,
    window_end,
    state,
    JSONExtract(`values`, 'count', 'UInt64') AS count,
    JSONExtract(`values`, 'sumMinor', 'Int64') AS sum_minor,
    JSONExtract(`values`, 'meanMinor', 'Float64') AS mean_minor,
    JSONExtract(`values`, 'maxMinor', 'Int64') AS max_minor,
    complete,
    revision,
    watermark
FROM {database}.window_results_final
WHERE pipeline = 'revenue';
