import { useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { cssColour } from './css-colour.ts';
import { formatMinute } from './format.ts';
import { Plot } from './plot.tsx';
import type { ChartMinute } from './predicted-series.ts';
import { drawPredictions } from './predictions-draw.ts';

export interface PredictionsPicture {
  readonly minutes: readonly ChartMinute[];
  readonly selectedMs: number | null;
  /** `isShort`: for an axis. */
  readonly show: (value: number, isShort?: boolean) => string;
}

/** How much of the past is drawn beside the hour to come. */
const pastMinutesMax = 120;

/** A series with what was and is forecast. `onSelect` is told the minute under the pointer or the arrow keys (null: none). */
export function PredictionsChart(
  props: PredictionsPicture & { readonly name: string; readonly onSelect: (targetMs: number | null) => void },
) {
  const { selectedMs, onSelect, show, name } = props;
  const newestOver = props.minutes.findLastIndex(({ actual }) => actual !== null);
  const minutes = props.minutes.slice(Math.max(0, newestOver - pastMinutesMax));
  const newest = useRef({ minutes, selectedMs, show, onSelect });
  newest.current = { minutes, selectedMs, show, onSelect };
  const data: uPlot.AlignedData = [
    minutes.map(({ targetMs }) => targetMs),
    minutes.map(({ actual, high }) => Math.max(actual ?? 0, high)),
  ];
  const onKeyDown = (event: KeyboardEvent) => {
    const next = stepTo(minutes, selectedMs, event.key);
    if (next === undefined) return;
    event.preventDefault();
    onSelect(next);
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the arrow keys choose a minute; its numbers are read from the legend
    <div class="chart-keys" tabIndex={0} role="group" aria-label={`${name}. ${keysLabel}`} onKeyDown={onKeyDown}>
      <Plot size="is-tall" label={describe(name, minutes, show)} data={data} options={() => options(newest)} />
    </div>
  );
}

const keysLabel = 'Left and right arrow keys choose a minute, Escape returns to the newest.';

type Newest = { readonly current: PredictionsPicture & { onSelect: (targetMs: number | null) => void } };

function options(newest: Newest) {
  const axis = {
    stroke: cssColour('--ink-soft'),
    font: '11px ui-sans-serif, system-ui, sans-serif',
    grid: { stroke: cssColour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    ms: 1,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    padding: [8, 20, 0, 0],
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 64, values: (_, times) => times.map(formatMinute) },
      { ...axis, size: 58, values: (_, values) => values.map((value) => newest.current.show(value, true)) },
    ],
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, (max || 1) * 1.12] } },
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(plot) => drawPredictions(plot, newest.current)],
      setCursor: [(plot) => newest.current.onSelect(minuteAt(plot, newest.current.minutes))],
    },
  } satisfies Omit<uPlot.Options, 'width' | 'height'>;
}

function minuteAt(plot: uPlot, minutes: readonly ChartMinute[]): number | null {
  const left = plot.cursor.left ?? -1;
  if (left < 0) return null;
  const atMs = plot.posToVal(left, 'x');
  const nearest = minutes.reduce<ChartMinute | null>(
    (best, one) => (best && Math.abs(best.targetMs - atMs) <= Math.abs(one.targetMs - atMs) ? best : one),
    null,
  );
  return nearest?.targetMs ?? null;
}

/** Where an arrow key leads; undefined for other keys. */
function stepTo(minutes: readonly ChartMinute[], selectedMs: number | null, key: string) {
  if (key === 'Escape') return null;
  if (key !== 'ArrowLeft' && key !== 'ArrowRight') return undefined;
  const newestOver = minutes.findLastIndex(({ actual }) => actual !== null);
  const from = selectedMs === null ? newestOver : minutes.findIndex(({ targetMs }) => targetMs === selectedMs);
  const to = from + (key === 'ArrowLeft' ? -1 : 1);
  return minutes[Math.min(minutes.length - 1, Math.max(0, to))]?.targetMs ?? null;
}

function describe(name: string, minutes: readonly ChartMinute[], show: PredictionsPicture['show']): string {
  const over = minutes.filter(({ actual }) => actual !== null);
  const last = over.at(-1);
  if (!last) return `${name}: no minute yet`;
  const ahead = minutes.at(-1);
  const anomalies = over.filter(({ isAnomaly }) => isAnomaly).length;
  const next =
    ahead && ahead.actual === null
      ? ` In ${minutes.length - over.length} minutes ${show(ahead.forecast)}, between ${show(ahead.low)} and ${show(ahead.high)}.`
      : '';
  return `Line: ${name} by minute, the newest ${show(last.actual ?? 0)} at ${formatMinute(last.targetMs)}, ${anomalies} anomalies in ${over.length} minutes.${next}`;
}
