-- What came of the lists that were shown, and the newest list where one entry has published two of a key.

-- An entry may publish a trending list twice, at one revision: as a minute ended, and as of now. The later output is the newer.
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
ORDER BY revision DESC, output_index DESC
LIMIT 1 BY pipeline, version, list, key;

-- Lists shown, by hour and by what they were found by, and how many led to a click or a purchase that carries their attribution id.
CREATE OR REPLACE VIEW {database}.served_outcomes AS
SELECT
    toStartOfHour(shown) AS hour,
    list,
    count() AS lists,
    countIf(has_click) AS clicked,
    countIf(has_purchase) AS purchased,
    clicked / lists AS click_rate,
    purchased / lists AS purchase_rate
FROM
(
    SELECT s.attribution_id AS attribution_id, any(s.list) AS list, any(s.served_at) AS shown,
        countIf(i.action = 'click') > 0 AS has_click,
        countIf(i.action = 'purchase') > 0 AS has_purchase
    FROM {database}.served AS s
    LEFT JOIN
    (
        SELECT assumeNotNull(attribution_id) AS attribution_id, action
        FROM {database}.interactions
        WHERE attribution_id IS NOT NULL
    ) AS i ON i.attribution_id = s.attribution_id
    GROUP BY s.attribution_id
)
GROUP BY hour, list;
