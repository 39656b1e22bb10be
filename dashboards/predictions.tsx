import { signal } from '@preact/signals';
import { formatCount, formatCountry, formatMinute, formatMoney, noValue } from './format.ts';
import { Badge, Card, Empty } from './parts.tsx';
import { chartMinutes, type ChartMinute, type PredictedSeries } from './predicted-series.ts';
import { PredictionsChart } from './predictions-chart.tsx';
import { metric, type MetricName, metrics, series } from './predictions-feed.ts';

const chosenKey = signal<string | null>(null);
const selectedMs = signal<number | null>(null);

const metricNames: Readonly<Record<MetricName, string>> = {
  revenue: 'Revenue',
  volume: 'Payments',
  decline_rate: 'Decline rate',
};
/** Minutes that must have been forecast before a figure says how good the forecasts are. */
const samplesMin = 20;
/** What an interval promises. */
const statedCoverage = 0.9;

/** Each series by minute, what is expected of the next hour, what was no ordinary minute, and how good the forecasts are. */
export function PredictionsPage() {
  const all = series.value;
  const shown = all?.find(({ key }) => key === chosenKey.value) ?? all?.[0];
  return (
    <>
      <div class="page-head">
        <h1>Predictions</h1>
        <MetricChoice />
      </div>
      <div class="grid">
        {all && shown ? (
          <>
            <SeriesCard shown={shown} all={all} />
            <ScoreCards shown={shown} />
            <SeriesTable all={all} shownKey={shown.key} />
          </>
        ) : (
          <Card id="series" title={metricNames[metric.value]} span="span-12">
            <Empty title="Waiting for the first minute that is over">
              <p>A minute is told when event time has passed its end; the next hour is forecast from then on.</p>
            </Empty>
          </Card>
        )}
      </div>
    </>
  );
}

function MetricChoice() {
  return (
    <div class="choices" role="group" aria-label="Metric">
      {metrics.map((name) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === metric.value}
          onClick={() => {
            metric.value = name;
            selectedMs.value = null;
          }}
        >
          {metricNames[name]}
        </button>
      ))}
    </div>
  );
}

function SeriesCard({ shown, all }: { readonly shown: PredictedSeries; readonly all: readonly PredictedSeries[] }) {
  const minutes = chartMinutes(shown);
  const name = `${metricNames[metric.value]}, ${nameOf(shown.key)}`;
  return (
    <Card id="series" title={name} span="span-12" aside={<SeriesChoice all={all} shownKey={shown.key} />}>
      <PredictionsChart
        name={name}
        minutes={minutes}
        selectedMs={selectedMs.value}
        show={(value, isShort) => formatValue(shown.key, value, isShort)}
        onSelect={(targetMs) => (selectedMs.value = targetMs)}
      />
      <MinuteLegend minutes={minutes} seriesKey={shown.key} />
    </Card>
  );
}

function SeriesChoice({ all, shownKey }: { readonly all: readonly PredictedSeries[]; readonly shownKey: string }) {
  return (
    <select
      class="select"
      aria-label="Series"
      value={shownKey}
      onChange={(event) => (chosenKey.value = event.currentTarget.value)}
    >
      {all.map(({ key }) => (
        <option key={key} value={key}>
          {nameOf(key)}
        </option>
      ))}
    </select>
  );
}

/** The chosen minute in numbers (the newest that is over, when none is chosen), and what the marks mean. */
function MinuteLegend({
  minutes,
  seriesKey,
}: {
  readonly minutes: readonly ChartMinute[];
  readonly seriesKey: string;
}) {
  const newest = minutes.findLast(({ actual }) => actual !== null);
  const minute = minutes.find(({ targetMs }) => targetMs === selectedMs.value) ?? newest;
  if (!minute) return null;
  const show = (value: number) => formatValue(seriesKey, value);
  return (
    <>
      <p class="legend-head" data-minute={minute.targetMs}>
        <b class="number">{formatMinute(minute.targetMs)}</b>
        {minute.actual === null ? <Badge tone="open">to come</Badge> : null}
        {minute.isAnomaly ? <Badge tone="bad">anomaly</Badge> : null}
        {minute.actual === null ? null : <b class="number">{show(minute.actual)}</b>}
        <span class="number">
          forecast {show(minute.forecast)}, between {show(minute.low)} and {show(minute.high)}
        </span>
        {minute.score === null ? null : <span class="soft number">score {minute.score.toFixed(1)}</span>}
      </p>
      <ul class="legend is-marks soft" aria-label="Marks">
        <li>
          <span class="swatch cat-1" aria-hidden="true" /> what came true
        </li>
        <li>
          <span class="swatch cat-2" aria-hidden="true" /> expected: nine in ten minutes lie within
        </li>
        <li>
          <span class="swatch is-anomaly" aria-hidden="true" /> anomaly
        </li>
      </ul>
    </>
  );
}

/** How good the forecasts of the last day were, one minute ahead. */
function ScoreCards({ shown }: { readonly shown: PredictedSeries }) {
  const { key } = shown;
  const score = judged(shown);
  const early = `too early to say: ${formatCount(shown.score?.samples ?? 0)} of ${samplesMin} minutes`;
  const share = (value: number) => `${(value * 100).toFixed(1)} %`;
  const better =
    score && score.naiveMeanAbsoluteError > 0 ? 1 - score.meanAbsoluteError / score.naiveMeanAbsoluteError : null;
  return (
    <>
      <Card id="error" title="Error, last day" span="span-4" isKpi>
        <p class="big">{score ? formatValue(key, score.meanAbsoluteError) : noValue}</p>
        <p class="soft">
          {score
            ? `a minute, on average; ${formatValue(key, score.naiveMeanAbsoluteError)} for “as the minute before”${better === null ? '' : `: ${share(Math.abs(better))} ${better >= 0 ? 'better' : 'worse'}`}`
            : early}
        </p>
      </Card>
      <Card id="coverage" title="Inside the interval" span="span-4" isKpi>
        <p class="big">{score ? share(score.coverage) : noValue}</p>
        <p class="soft">
          stated: {share(statedCoverage)}
          {score ? `, over ${formatCount(score.samples)} minutes` : `; ${early}`}
        </p>
      </Card>
      <Card id="detector" title="Alarms, last day" span="span-4" isKpi>
        <p class="big">{shown.score ? formatCount(shown.score.alarms) : noValue}</p>
        <p class="soft">
          {shown.score?.isMuted ? (
            <>
              <Badge tone="warn">muted</Badge> too many: it speaks again after a calm day
            </>
          ) : (
            'the detector mutes itself when there are too many'
          )}
        </p>
      </Card>
    </>
  );
}

/** The score once it rests on enough minutes. */
const judged = ({ score }: PredictedSeries) => (score && score.samples >= samplesMin ? score : null);

function SeriesTable({ all, shownKey }: { readonly all: readonly PredictedSeries[]; readonly shownKey: string }) {
  return (
    <Card id="all-series" title="All series" span="span-12">
      <div class="table-wrap">
        <table>
          <thead>
            <tr>
              <th scope="col">Series</th>
              <th scope="col" class="end">
                Newest minute
              </th>
              <th scope="col" class="end">
                Next minute
              </th>
              <th scope="col" class="end">
                In an hour
              </th>
              <th scope="col" class="end">
                Inside
              </th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            {all.map((one) => (
              <SeriesLine key={one.key} one={one} isShown={one.key === shownKey} />
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function SeriesLine({ one, isShown }: { readonly one: PredictedSeries; readonly isShown: boolean }) {
  const { key, minutes, band } = one;
  const score = judged(one);
  const newest = minutes.at(-1);
  const show = (value: number | null | undefined) =>
    value === null || value === undefined ? noValue : formatValue(key, value);
  return (
    <tr>
      <th scope="row">
        <button
          type="button"
          class="row-button"
          aria-pressed={isShown}
          onClick={() => {
            chosenKey.value = key;
            selectedMs.value = null;
          }}
        >
          {nameOf(key)}
        </button>
      </th>
      <td class="number end">{show(newest?.actual)}</td>
      <td class="number end">{show(band?.forecast[0])}</td>
      <td class="number end">{show(band?.forecast.at(-1))}</td>
      <td class="number end">{score ? `${(score.coverage * 100).toFixed(1)} %` : noValue}</td>
      <td>
        {one.score?.isMuted ? <Badge tone="warn">muted</Badge> : null}{' '}
        {newest?.isAnomaly ? (
          <Badge tone="bad">anomaly</Badge>
        ) : score ? (
          <Badge tone="good">as expected</Badge>
        ) : (
          <Badge tone="plain">learning</Badge>
        )}
      </td>
    </tr>
  );
}

/** `all/EUR` → `all, EUR`; `FR/EUR` → `France, EUR`. */
function nameOf(key: string): string {
  const [place = '', currency] = key.split('/');
  const name = place === 'all' ? 'all' : formatCountry(place);
  return currency === undefined ? name : `${name}, ${currency}`;
}

function formatValue(key: string, value: number, isShort = false): string {
  switch (metric.value) {
    case 'revenue':
      return formatMoney(value, key.slice(key.lastIndexOf('/') + 1), isShort);
    case 'volume':
      return value.toFixed(Number.isInteger(value) || isShort ? 0 : 1);
    case 'decline_rate':
      return `${(value * 100).toFixed(isShort ? 0 : 1)} %`;
  }
}
