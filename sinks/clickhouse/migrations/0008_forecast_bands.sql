-- The next 60 minutes of each series, as one row that the next minute replaces: no record of the past, for that is in predictions.

CREATE TABLE IF NOT EXISTS {database}.forecast_bands
(
    pipeline LowCardinality(String),
    version UInt32,
    metric LowCardinality(String),
    key String,
    -- The first minute; one value a minute.
    starts DateTime64(3, 'UTC'),
    forecast Array(Float64),
    low Array(Float64),
    high Array(Float64),
    clock DateTime64(3, 'UTC'),
    revision UInt64,
    shard UInt32,
    epoch UInt32,
    order_offset Int64,
    output_index UInt32,
    entry_id String,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY (pipeline, version)
ORDER BY (pipeline, version, metric, key);

-- Alarms of the last day, and whether they were so many that the detector has muted itself.
ALTER TABLE {database}.forecast_scores
    ADD COLUMN IF NOT EXISTS alarms UInt32 DEFAULT 0 AFTER samples,
    ADD COLUMN IF NOT EXISTS is_muted UInt8 DEFAULT 0 AFTER alarms;

CREATE OR REPLACE VIEW {database}.forecast_scores_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.forecast_scores GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, metric, key, target, mean_absolute_error, naive_mean_absolute_error, coverage, samples, alarms, is_muted, clock,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.forecast_scores FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= target, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

-- The next hour of each series, one row a minute.
CREATE OR REPLACE VIEW {database}.next_hour AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.forecast_bands GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    metric, key,
    starts + toIntervalMinute(ahead - 1) AS minute,
    ahead,
    expected AS forecast, lowest AS low, highest_value AS high
FROM {database}.forecast_bands FINAL
ARRAY JOIN
    forecast AS expected, low AS lowest, high AS highest_value,
    arrayEnumerate(forecast) AS ahead
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= starts, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);
