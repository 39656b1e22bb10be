-- What Kafka forgets: every record of the input topics and order logs, byte for byte.
-- previous_offset is the offset of the record before it in its partition: a reader proves that nothing is missing between
-- two rows. Rows are written before offsets are committed, so a repeated row is the same row and merges away.

CREATE TABLE IF NOT EXISTS {database}.events
(
    topic LowCardinality(String),
    -- Incarnation of the topic: offsets start anew in a new one.
    epoch UInt32,
    partition Int32,
    offset Int64,
    previous_offset Int64,
    timestamp DateTime64(3, 'UTC'),
    timestamp_type LowCardinality(String),
    key Nullable(String),
    value Nullable(String),
    headers Array(Tuple(name String, value String)),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY (topic, epoch)
ORDER BY (topic, epoch, partition, offset);

-- The entry itself is `value`; kind and id are read from it, empty where it is not JSON.
CREATE TABLE IF NOT EXISTS {database}.order_log
(
    topic LowCardinality(String),
    epoch UInt32,
    partition Int32,
    offset Int64,
    previous_offset Int64,
    timestamp DateTime64(3, 'UTC'),
    timestamp_type LowCardinality(String),
    key Nullable(String),
    value Nullable(String),
    headers Array(Tuple(name String, value String)),
    pipeline LowCardinality(String) DEFAULT extract(topic, '^millrace\\.order\\.(.+)\\.v\\d+$'),
    version UInt32 DEFAULT toUInt32OrZero(extract(topic, '\\.v(\\d+)$')),
    shard Int32 DEFAULT partition,
    kind LowCardinality(String) DEFAULT JSONExtractString(ifNull(value, ''), 'kind'),
    id String DEFAULT JSONExtractString(ifNull(value, ''), 'id'),
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD)
)
ENGINE = ReplacingMergeTree
PARTITION BY (topic, epoch)
ORDER BY (topic, epoch, partition, offset);

-- Records that were gone before they could be archived: [from_offset, to_offset).
CREATE TABLE IF NOT EXISTS {database}.archive_gaps
(
    topic LowCardinality(String),
    epoch UInt32,
    partition Int32,
    from_offset Int64,
    to_offset Int64,
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, epoch, partition, from_offset);

-- Records of result topics that are no results, and rows that ClickHouse refused: kept, so that they block nothing.
CREATE TABLE IF NOT EXISTS {database}.sink_rejects
(
    topic LowCardinality(String),
    epoch UInt32,
    partition Int32,
    offset Int64,
    reason String,
    bytes String,
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY (topic, epoch, partition, offset);
