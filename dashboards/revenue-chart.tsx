import { useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { cssColour } from './css-colour.ts';
import { formatMinute, formatMoney } from './format.ts';
import { Plot } from './plot.tsx';
import { drawRevenue, type RevenuePicture } from './revenue-draw.ts';
import type { RevenueStack, StackWindow } from './revenue-stack.ts';

/** How much time the chart shows: at least so that a first bar is no wall, at most an hour. */
const spanMsMin = 15 * 60_000;
const spanMsMax = 60 * 60_000;

/** Revenue by country, one stacked bar a window. `onSelect` is told the window under the pointer or the arrow keys (null: none). */
export function RevenueChart(props: RevenuePicture & { readonly onSelect: (startMs: number | null) => void }) {
  const { stack, selectedStartMs, onSelect } = props;
  const newest = useRef(props);
  newest.current = props;
  const data: uPlot.AlignedData = [
    stack.windows.map((window) => window.startMs),
    stack.windows.map((window) => window.totalMinor),
  ];
  const onKeyDown = (event: KeyboardEvent) => {
    const next = stepTo(stack.windows, selectedStartMs, event.key);
    if (next === undefined) return;
    event.preventDefault();
    onSelect(next);
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the arrow keys choose a window; its numbers are read from the legend
    <div class="chart-keys" tabIndex={0} role="group" aria-label={keysLabel} onKeyDown={onKeyDown}>
      <Plot size="is-tall" label={describe(stack)} data={data} options={() => options(newest)} />
    </div>
  );
}

const keysLabel = 'Revenue by country. Left and right arrow keys choose a window, Escape returns to the newest.';

function options(newest: { readonly current: RevenuePicture & { onSelect: (startMs: number | null) => void } }) {
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
      {
        ...axis,
        size: 58,
        values: (_, sums) => sums.map((sum) => formatMoney(sum, newest.current.stack.currency, true)),
      },
    ],
    scales: { x: { time: true, range: () => timeRange(newest.current.stack.windows) }, y: { range: amountRange } },
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(plot) => drawRevenue(plot, newest.current)],
      setCursor: [(plot) => newest.current.onSelect(windowAt(plot, newest.current.stack.windows))],
    },
  } satisfies Omit<uPlot.Options, 'width' | 'height'>;
}

function amountRange(_: uPlot, __: number, max: number): uPlot.Range.MinMax {
  return [0, Math.max(max ?? 0, 100) * 1.12];
}

function timeRange(windows: readonly StackWindow[]): uPlot.Range.MinMax {
  const toMs = windows.at(-1)?.endMs ?? 0;
  const fromMs = windows[0]?.startMs ?? 0;
  return [toMs - Math.min(spanMsMax, Math.max(spanMsMin, toMs - fromMs)), toMs];
}

function windowAt(plot: uPlot, windows: readonly StackWindow[]): number | null {
  const left = plot.cursor.left ?? -1;
  if (left < 0) return null;
  const atMs = plot.posToVal(left, 'x');
  return windows.find((window) => window.startMs <= atMs && atMs < window.endMs)?.startMs ?? null;
}

/** Where an arrow key leads; undefined for other keys. */
function stepTo(windows: readonly StackWindow[], selectedStartMs: number | null, key: string) {
  if (key === 'Escape') return null;
  if (key !== 'ArrowLeft' && key !== 'ArrowRight') return undefined;
  const from =
    selectedStartMs === null ? windows.length : windows.findIndex((window) => window.startMs === selectedStartMs);
  const to = from + (key === 'ArrowLeft' ? -1 : 1);
  return windows[Math.min(windows.length - 1, Math.max(0, to))]?.startMs ?? null;
}

function describe(stack: RevenueStack): string {
  const newest = stack.windows.at(-1);
  if (!newest) return 'Revenue by country: no window yet';
  return `Stacked bars: revenue in ${stack.currency || 'minor units'} by country for ${stack.windows.length} windows of ${Math.round((newest.endMs - newest.startMs) / 60_000)} min. Newest, ${formatMinute(newest.startMs)}, ${newest.state}: ${formatMoney(newest.totalMinor, stack.currency)}.`;
}
