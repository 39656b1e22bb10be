-- Ready-made views: what people ask first. docs/sql.md shows each with an example.

-- As in 0004, and which served list an item was found in.
CREATE OR REPLACE VIEW {database}.interactions AS
SELECT
    JSONExtractString(json, 'source') AS source,
    JSONExtractString(json, 'id') AS id,
    fromUnixTimestamp64Milli(JSONExtract(json, 'eventTimeMs', 'Int64'), 'UTC') AS event_time,
    JSONExtractUInt(json, 'version') AS event_version,
    JSONExtractString(json, 'action') AS action,
    JSONExtractString(json, 'userId') AS user_id,
    JSONExtractString(json, 'sessionId') AS session_id,
    JSONExtractString(json, 'itemId') AS item_id,
    JSONExtract(json, 'category', 'Nullable(String)') AS category,
    JSONExtract(json, 'priceMinor', 'Nullable(Int64)') AS price_minor,
    JSONExtract(json, 'currency', 'Nullable(String)') AS currency,
    JSONExtract(json, 'quantity', 'Nullable(UInt32)') AS quantity,
    JSONExtract(json, 'country', 'Nullable(String)') AS country,
    JSONExtract(json, 'deviceId', 'Nullable(String)') AS device_id,
    JSONExtract(json, 'attributionId', 'Nullable(String)') AS attribution_id,
    epoch, partition, offset, timestamp, ingested_at
FROM (SELECT *, ifNull(value, '') AS json FROM {database}.events FINAL WHERE topic = 'interactions')
WHERE JSONExtractString(json, 'type') = 'interaction';

-- Lists that somebody was shown: one row per record as it was sent.
CREATE OR REPLACE VIEW {database}.served AS
SELECT
    JSONExtractString(json, 'source') AS source,
    JSONExtractString(json, 'id') AS id,
    fromUnixTimestamp64Milli(JSONExtract(json, 'eventTimeMs', 'Int64'), 'UTC') AS event_time,
    JSONExtractUInt(json, 'version') AS event_version,
    JSONExtractString(json, 'attributionId') AS attribution_id,
    JSONExtractString(json, 'userId') AS user_id,
    JSONExtractString(json, 'list') AS list,
    JSONExtract(json, 'items', 'Array(String)') AS items,
    fromUnixTimestamp64Milli(JSONExtract(json, 'atMs', 'Int64'), 'UTC') AS served_at,
    epoch, partition, offset, timestamp, ingested_at
FROM (SELECT *, ifNull(value, '') AS json FROM {database}.events FINAL WHERE topic = 'interactions')
WHERE JSONExtractString(json, 'type') = 'served';

-- Payments decided, by country and hour of event time. fraud_rate: the part that people have confirmed as fraud since (their
-- newest label counts); decline_rate: the part that was declined.
CREATE OR REPLACE VIEW {database}.fraud_by_country_hour AS
SELECT
    toStartOfHour(event_time) AS hour,
    ifNull(country, '') AS country,
    count() AS payments,
    countIf(outcome = 'decline') AS declined,
    countIf(outcome = 'review') AS reviewed,
    countIf(verdict = 'confirmed') AS confirmed,
    countIf(verdict = 'confirmed' AND outcome = 'approve') AS missed,
    declined / payments AS decline_rate,
    confirmed / payments AS fraud_rate
FROM
(
    SELECT
        d.event_time AS event_time, d.country AS country, d.outcome AS outcome,
        arrayLast(j -> j.1 = '' OR j.1 = d.payment_source, arraySort(j -> j.2, l.judged)).3 AS verdict
    FROM {database}.decisions_final AS d
    LEFT JOIN
    (
        SELECT payment_id, groupArray((ifNull(payment_source, ''), event_time, verdict)) AS judged
        FROM {database}.labels
        GROUP BY payment_id
    ) AS l ON l.payment_id = d.payment_id
)
GROUP BY hour, country;

-- How often each rule hits, by hour of event time. A rule that is off or breaks is not judged.
CREATE OR REPLACE VIEW {database}.rule_hit_rates AS
SELECT
    toStartOfHour(event_time) AS hour,
    rule_id,
    countIf(verdict IN ('hit', 'miss')) AS judged,
    countIf(verdict = 'hit') AS hits,
    countIf(verdict = 'hit' AND outcome = 'decline') AS hits_declined,
    countIf(verdict = 'error') AS errors,
    if(judged = 0, NULL, hits / judged) AS hit_rate
FROM {database}.rule_verdicts
GROUP BY hour, rule_id;

-- Revenue by minute of event time, country and currency, in minor units; state says whether a minute may still change.
CREATE OR REPLACE VIEW {database}.revenue_per_minute AS
SELECT window_start AS minute, assumeNotNull(country) AS country, currency, count AS payments, sum_minor AS revenue_minor, state
FROM {database}.revenue_final
WHERE output = 'country_1m';

-- What trended in each minute, one row an item; rank 1 is the first.
CREATE OR REPLACE VIEW {database}.trending_history AS
WITH
    (SELECT groupArray((pipeline, highest)) FROM (SELECT toString(pipeline) AS pipeline, max(version) AS highest FROM {database}.recommendation_lists GROUP BY pipeline)) AS highest_versions,
    (SELECT arraySort(x -> x.2, groupArray((toString(pipeline), from_window_start, version))) FROM {database}.live_versions FINAL) AS swaps
SELECT
    slot AS minute,
    key AS category,
    rank,
    item.1 AS item_id,
    item.2 AS score,
    item.3 AS reason
FROM {database}.recommendation_lists FINAL
ARRAY JOIN
    JSONExtract(items, 'Array(Tuple(itemId String, score Float64, reason String))') AS item,
    arrayEnumerate(JSONExtractArrayRaw(items)) AS rank
WHERE list = 'trending'
    AND version = if(
        arrayExists(s -> s.1 = pipeline, swaps),
        arrayLast(s -> s.1 = pipeline AND s.2 <= event_time, swaps).3,
        arrayFirst(h -> h.1 = pipeline, highest_versions).2);

-- How far each visit came, one row a session: level 4 viewed, clicked, carted and purchased, in this order.
CREATE OR REPLACE VIEW {database}.session_funnel AS
SELECT
    source,
    session_id,
    any(user_id) AS user_id,
    min(event_time) AS started,
    max(event_time) AS ended,
    uniqExact(id) AS interactions,
    windowFunnel(604800000)(toUInt64(toUnixTimestamp64Milli(event_time)), action = 'view', action = 'click', action = 'cart', action = 'purchase') AS level,
    level >= 1 AS viewed,
    level >= 2 AS clicked,
    level >= 3 AS carted,
    level >= 4 AS purchased
FROM {database}.interactions
GROUP BY source, session_id;

-- Every forecast of a minute that is over, with what the minute was.
CREATE OR REPLACE VIEW {database}.forecast_against_actual AS
SELECT
    metric, key, target AS minute, horizon_minutes, forecast, low, high, known AS actual,
    forecast - actual AS error,
    actual BETWEEN low AND high AS is_inside,
    is_anomaly
FROM
(
    SELECT metric, key, target, horizon_minutes, forecast, low, high, is_anomaly,
        ifNull(actual, max(actual) OVER (PARTITION BY metric, key, target)) AS known
    FROM {database}.predictions_final
)
WHERE horizon_minutes > 0 AND known IS NOT NULL;
