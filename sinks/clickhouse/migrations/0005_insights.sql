-- Decisions, alerts, deliveries, recommendation lists, predictions: by identity and revision, as in 0002.

-- One row a payment and version.
CREATE TABLE IF NOT EXISTS {database}.decisions
(
    pipeline LowCardinality(String),
    version UInt32,
    payment_source LowCardinality(String),
    payment_id String,
    event_time DateTime64(3, 'UTC'),
    card_id String,
    terminal_id Nullable(String),
    device_id Nullable(String),
    merchant_id Nullable(String),
    country Nullable(String),
    -- In minor units of the currency.
    amount_minor Int64,
    currency LowCardinality(String),
    -- approve, review or decline.
    outcome LowCardinality(String),
    -- Sum of the weights of the rules that hit.
    score Float64,
    rule_set_version String,
    -- Every rule with its verdict, as JSON: [{ruleId, verdict, weight, reason}, …]; as rows: the view rule_verdicts.
    rules String,
    -- Every feature as the rules saw it, as JSON.
    features String,
    -- The same for SQL, flags as 1 and 0: feature_values['name']; as rows: the view features.
    feature_values Map(LowCardinality(String), Nullable(Float64)),
    clock DateTime64(3, 'UTC'),
    -- Where the payment was read.
    topic LowCardinality(String),
    partition Int32,
    offset Int64,
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
ORDER BY (pipeline, version, payment_source, payment_id);

-- Every transition of every alert.
CREATE TABLE IF NOT EXISTS {database}.alerts
(
    pipeline LowCardinality(String),
    version UInt32,
    alert_id String,
    -- raised, updated, retracted or resolved.
    transition LowCardinality(String),
    entity_type LowCardinality(String),
    entity_id String,
    fingerprint String,
    severity LowCardinality(String),
    title String,
    reasons Array(String),
    hits UInt32,
    first_event_time DateTime64(3, 'UTC'),
    last_event_time DateTime64(3, 'UTC'),
    payment_id Nullable(String),
    decision_payment_ids Array(String),
    clock DateTime64(3, 'UTC'),
    revision UInt64,
    shard UInt32,
    epoch UInt32,
    order_offset Int64,
    output_index UInt32,
    entry_id String,
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
PARTITION BY (pipeline, version)
ORDER BY (pipeline, version, alert_id, revision);

-- Every attempt to deliver a transition to an endpoint.
CREATE TABLE IF NOT EXISTS {database}.deliveries
(
    webhook_id String,
    endpoint LowCardinality(String),
    alert_id String,
    transition LowCardinality(String),
    attempt UInt32,
    -- delivered, failed, dead, replaced or disabled.
    outcome LowCardinality(String),
    -- HTTP status; null where there was no answer.
    status Nullable(UInt32),
    detail String,
    at DateTime64(3, 'UTC'),
    next_at Nullable(DateTime64(3, 'UTC')),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (webhook_id, endpoint, attempt);

-- The newest list of every key; of a trending list the newest of every minute (slot), which is its history.
CREATE TABLE IF NOT EXISTS {database}.recommendation_lists
(
    pipeline LowCardinality(String),
    version UInt32,
    -- trending (key: category or all), co_visited (item), personal (user).
    list LowCardinality(String),
    key String,
    slot DateTime64(3, 'UTC'),
    -- Best first, as JSON: [{itemId, score, reason}, …].
    items String,
    event_time DateTime64(3, 'UTC'),
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
ORDER BY (pipeline, version, list, key, slot);

-- One row a minute of a series and how far ahead it was forecast; horizon 0 is the minute itself.
CREATE TABLE IF NOT EXISTS {database}.predictions
(
    pipeline LowCardinality(String),
    version UInt32,
    metric LowCardinality(String),
    key String,
    target DateTime64(3, 'UTC'),
    horizon_minutes UInt32,
    forecast Float64,
    low Float64,
    high Float64,
    -- Null until the minute is over.
    actual Nullable(Float64),
    anomaly_score Nullable(Float64),
    is_anomaly UInt8,
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
ORDER BY (pipeline, version, metric, key, target, horizon_minutes);

CREATE TABLE IF NOT EXISTS {database}.forecast_scores
(
    pipeline LowCardinality(String),
    version UInt32,
    metric LowCardinality(String),
    key String,
    target DateTime64(3, 'UTC'),
    mean_absolute_error Float64,
    -- Of "the same as the minute before".
    naive_mean_absolute_error Float64,
    -- Part of the last day's actuals that lay inside their interval.
    coverage Float64,
    samples UInt32,
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
ORDER BY (pipeline, version, metric, key, target);

CREATE OR REPLACE VIEW {database}.decisions_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.decisions GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, payment_source, payment_id, event_time, card_id, terminal_id, device_id, merchant_id, country, amount_minor,
    currency, outcome, score, rule_set_version, rules, features, feature_values, clock, topic, partition, offset,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.decisions FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= event_time, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

-- The newest transition of each alert.
CREATE OR REPLACE VIEW {database}.alerts_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.alerts GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, alert_id, transition, entity_type, entity_id, fingerprint, severity, title, reasons, hits, first_event_time,
    last_event_time, payment_id, decision_payment_ids, clock,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.alerts FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= first_event_time, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2)
ORDER BY revision DESC
LIMIT 1 BY pipeline, version, alert_id;

-- The newest list of each key.
CREATE OR REPLACE VIEW {database}.recommendation_lists_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.recommendation_lists GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, list, key, items, event_time, clock,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.recommendation_lists FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= event_time, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2)
ORDER BY revision DESC
LIMIT 1 BY pipeline, version, list, key;

CREATE OR REPLACE VIEW {database}.predictions_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.predictions GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, metric, key, target, horizon_minutes, forecast, low, high, actual, anomaly_score, is_anomaly, clock,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.predictions FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= target, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

CREATE OR REPLACE VIEW {database}.forecast_scores_final AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.forecast_scores GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    pipeline, version, metric, key, target, mean_absolute_error, naive_mean_absolute_error, coverage, samples, clock,
    revision, shard, epoch, order_offset, output_index, entry_id
FROM {database}.forecast_scores FINAL
WHERE version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= target, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

-- One row a delivery attempt, merged.
CREATE OR REPLACE VIEW {database}.deliveries_final AS
SELECT webhook_id, endpoint, alert_id, transition, attempt, outcome, status, detail, at, next_at
FROM {database}.deliveries FINAL;

-- Features of decisions, one row each; flags are 1 and 0.
CREATE OR REPLACE VIEW {database}.features AS
SELECT
    pipeline, version, payment_source, payment_id, event_time, card_id, country, outcome, score,
    toString(feature.1) AS name,
    feature.2 AS value
FROM {database}.decisions_final
ARRAY JOIN CAST(feature_values, 'Array(Tuple(LowCardinality(String), Nullable(Float64)))') AS feature;

-- Rules of decisions, one row each.
CREATE OR REPLACE VIEW {database}.rule_verdicts AS
SELECT
    pipeline, version, payment_source, payment_id, event_time, card_id, country, outcome, rule_set_version,
    rule.1 AS rule_id,
    rule.2 AS verdict,
    rule.3 AS weight,
    rule.4 AS reason
FROM {database}.decisions_final
ARRAY JOIN JSONExtract(rules, 'Array(Tuple(ruleId String, verdict String, weight Float64, reason String))') AS rule;
