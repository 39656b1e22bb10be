-- States of tasks, where `snapshots.store` is clickhouse. A snapshot is there once its row in `snapshots` is, which is written last. Every save
-- has an `upload` of its own, so that the bytes of two savers never mix; which rows are let go the store says, by upload.

CREATE TABLE IF NOT EXISTS {database}.snapshot_bytes
(
    pipeline LowCardinality(String),
    version UInt32,
    shard UInt32,
    upload String,
    part UInt32,
    bytes String CODEC(ZSTD(1)),
    written_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
PARTITION BY (pipeline, version, shard)
ORDER BY (upload, part);

CREATE TABLE IF NOT EXISTS {database}.snapshots
(
    pipeline LowCardinality(String),
    version UInt32,
    shard UInt32,
    -- All of the identity in one text: pipeline, version, state hash, epoch, shard, order offset, label.
    name String,
    upload String,
    sha256 FixedString(64),
    size_bytes UInt64,
    parts UInt32,
    saved_at DateTime64(3, 'UTC'),
    -- Of two of one name the one that was written last counts.
    written_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
PARTITION BY (pipeline, version, shard)
ORDER BY (name, upload);
