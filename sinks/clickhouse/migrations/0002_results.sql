-- What pipelines compute, by identity: of two rows of one identity the higher revision is the newer, whatever came first.
-- revision = epoch << 48 | order offset. inserted_at is for people and for TTL, never for choosing.

CREATE TABLE IF NOT EXISTS {database}.window_results
(
    pipeline LowCardinality(String),
    version UInt32,
    output LowCardinality(String),
    key String,
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    -- provisional, final, corrected, or tombstone: this identity no longer exists.
    state LowCardinality(String),
    -- 0 when an accepted gap may hide records of this window.
    complete UInt8,
    -- The task's watermark after the entry; null when there was none.
    watermark Nullable(DateTime64(3, 'UTC')),
    clock DateTime64(3, 'UTC'),
    -- Aggregates by name, as JSON; money in minor units.
    `values` String,
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
ORDER BY (pipeline, version, output, key, window_start);

CREATE TABLE IF NOT EXISTS {database}.dead_letters
(
    pipeline LowCardinality(String),
    version UInt32,
    epoch UInt32,
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
    timestamp DateTime64(3, 'UTC'),
    reason LowCardinality(String),
    message String,
    field_path Nullable(String),
    source Nullable(String),
    key Nullable(String),
    value Nullable(String),
    revision UInt64,
    shard UInt32,
    order_offset Int64,
    output_index UInt32,
    entry_id String,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY (pipeline, version)
ORDER BY (pipeline, version, epoch, topic, partition, offset);

CREATE TABLE IF NOT EXISTS {database}.quarantined
(
    pipeline LowCardinality(String),
    version UInt32,
    epoch UInt32,
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
    timestamp DateTime64(3, 'UTC'),
    event_type LowCardinality(String),
    event_version UInt32,
    newest_known_version UInt32,
    key Nullable(String),
    value Nullable(String),
    revision UInt64,
    shard UInt32,
    order_offset Int64,
    output_index UInt32,
    entry_id String,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY (pipeline, version)
ORDER BY (pipeline, version, epoch, topic, partition, offset);

CREATE TABLE IF NOT EXISTS {database}.late_records
(
    pipeline LowCardinality(String),
    version UInt32,
    output LowCardinality(String),
    key String,
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    event_id String,
    source String,
    event_time DateTime64(3, 'UTC'),
    -- The watermark that it was judged by.
    watermark Nullable(DateTime64(3, 'UTC')),
    -- How far behind the end of its allowed lateness it came.
    late_by_ms Float64,
    -- What it alone would have added to the window, as JSON.
    would_add String,
    epoch UInt32,
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
    timestamp DateTime64(3, 'UTC'),
    revision UInt64,
    shard UInt32,
    order_offset Int64,
    output_index UInt32,
    entry_id String,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY (pipeline, version)
ORDER BY (pipeline, version, output, key, window_start, epoch, topic, partition, offset);

-- Which version of a pipeline is live for windows that start at or after from_window_start. A pipeline without a row here:
-- its highest version.
CREATE TABLE IF NOT EXISTS {database}.live_versions
(
    pipeline LowCardinality(String),
    version UInt32,
    from_window_start DateTime64(3, 'UTC'),
    revision UInt64,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (pipeline, from_window_start);
