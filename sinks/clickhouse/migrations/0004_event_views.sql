-- Raw events, readable: one row per record as it was sent, duplicates and late ones included. Times are event times.

CREATE OR REPLACE VIEW {database}.payments AS
SELECT
    JSONExtractString(json, 'source') AS source,
    JSONExtractString(json, 'id') AS id,
    fromUnixTimestamp64Milli(JSONExtract(json, 'eventTimeMs', 'Int64'), 'UTC') AS event_time,
    JSONExtractUInt(json, 'version') AS event_version,
    JSONExtractString(json, 'currency') AS currency,
    -- Version 1 carries major units, as a number or as text.
    if(
        event_version = 1,
        toInt64(round(toFloat64OrZero(replaceAll(JSONExtractRaw(json, 'amount'), '"', ''))
            * exp10(multiIf(currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'), 0,
                currency IN ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'), 3, 2)))),
        JSONExtractInt(json, 'amountMinor')) AS amount_minor,
    JSONExtractString(json, 'cardId') AS card_id,
    JSONExtract(json, 'merchantId', 'Nullable(String)') AS merchant_id,
    JSONExtract(json, 'terminalId', 'Nullable(String)') AS terminal_id,
    JSONExtract(json, 'deviceId', 'Nullable(String)') AS device_id,
    JSONExtract(json, 'country', 'Nullable(String)') AS country,
    JSONExtract(json, 'category', 'Nullable(String)') AS category,
    epoch, partition, offset, timestamp, ingested_at
FROM (SELECT *, ifNull(value, '') AS json FROM {database}.events FINAL WHERE topic = 'payments')
WHERE JSONExtractString(json, 'type') = 'payment';

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
    epoch, partition, offset, timestamp, ingested_at
FROM (SELECT *, ifNull(value, '') AS json FROM {database}.events FINAL WHERE topic = 'interactions')
WHERE JSONExtractString(json, 'type') = 'interaction';

CREATE OR REPLACE VIEW {database}.labels AS
SELECT
    JSONExtractString(json, 'source') AS source,
    JSONExtractString(json, 'id') AS id,
    fromUnixTimestamp64Milli(JSONExtract(json, 'eventTimeMs', 'Int64'), 'UTC') AS event_time,
    JSONExtractUInt(json, 'version') AS event_version,
    JSONExtractString(json, 'verdict') AS verdict,
    JSONExtractString(json, 'paymentId') AS payment_id,
    JSONExtract(json, 'paymentSource', 'Nullable(String)') AS payment_source,
    fromUnixTimestamp64Milli(JSONExtract(json, 'paymentEventTimeMs', 'Int64'), 'UTC') AS payment_event_time,
    JSONExtractString(json, 'cardId') AS card_id,
    JSONExtract(json, 'merchantId', 'Nullable(String)') AS merchant_id,
    JSONExtract(json, 'terminalId', 'Nullable(String)') AS terminal_id,
    JSONExtract(json, 'deviceId', 'Nullable(String)') AS device_id,
    epoch, partition, offset, timestamp, ingested_at
FROM (SELECT *, ifNull(value, '') AS json FROM {database}.events FINAL WHERE topic = 'labels')
WHERE JSONExtractString(json, 'type') = 'label';
