/** Questions that are there from the start; each is in docs/sql.md, word for word, with what it says. */
export interface SqlExample {
  readonly name: string;
  readonly sql: string;
}

export const sqlExamples: readonly SqlExample[] = [
  {
    name: 'Fraud rate by country and hour',
    sql: `SELECT country, sum(payments) AS n, round(sum(declined) / n, 4) AS decline_rate, round(sum(confirmed) / n, 4) AS fraud_rate
FROM fraud_by_country_hour
WHERE hour >= (SELECT max(hour) FROM fraud_by_country_hour) - INTERVAL 1 DAY
GROUP BY country
ORDER BY fraud_rate DESC`,
  },
  {
    name: 'Rule hit rates',
    sql: `SELECT rule_id, sum(judged) AS judged_total, sum(hits) AS hits_total, round(hits_total / judged_total, 4) AS hit_rate,
  sum(hits_declined) AS declined, sum(errors) AS errors_total
FROM rule_hit_rates
GROUP BY rule_id
ORDER BY hit_rate DESC`,
  },
  {
    name: 'Revenue per minute',
    sql: `SELECT minute, currency, sum(payments) AS payments_total, sum(revenue_minor) / 100 AS revenue
FROM revenue_per_minute
WHERE currency = 'EUR'
GROUP BY minute, currency
ORDER BY minute DESC
LIMIT 60`,
  },
  {
    name: 'Trending history',
    sql: `SELECT item_id, count() AS minutes, min(rank) AS best_rank, round(avg(score), 2) AS mean_score
FROM trending_history
WHERE category = 'all'
GROUP BY item_id
ORDER BY minutes DESC, best_rank
LIMIT 20`,
  },
  {
    name: 'Session funnel',
    sql: `SELECT toStartOfHour(started) AS hour, count() AS sessions, sum(viewed) AS view, sum(clicked) AS click, sum(carted) AS cart,
  sum(purchased) AS purchase, round(purchase / view, 4) AS conversion
FROM session_funnel
GROUP BY hour
ORDER BY hour DESC`,
  },
  {
    name: 'Forecast against actual',
    sql: `SELECT metric, horizon_minutes, count() AS minutes, round(avg(abs(error)), 2) AS mean_absolute_error, round(avg(is_inside), 3) AS coverage
FROM forecast_against_actual
GROUP BY metric, horizon_minutes
ORDER BY metric, horizon_minutes`,
  },
];
