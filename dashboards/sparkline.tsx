import type uPlot from 'uplot';
import { useMemo, useRef } from 'preact/hooks';
import { cssColour } from './css-colour.ts';
import { formatClock } from './format.ts';
import type { HistoryPoint } from './history.ts';
import { Plot } from './plot.tsx';

interface SparklineProps {
  /** What the numbers are, e.g. `Events per second`. */
  readonly name: string;
  readonly points: readonly HistoryPoint[];
  readonly format: (value: number) => string;
  /** No narrower than this, so that the first points do not fill the card. */
  readonly spanMsMin: number;
}

/** The last minutes of a number as a line; a broken line where nothing was received. */
export function Sparkline({ name, points, format, spanMsMin }: SparklineProps) {
  const spanMs = useRef(spanMsMin);
  spanMs.current = Math.max(spanMsMin, (points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0));
  const data = useMemo<uPlot.AlignedData>(
    () => [points.map((point) => point.atMs), points.map((point) => point.value)],
    [points],
  );
  return <Plot size="is-spark" label={describe(name, points, format)} data={data} options={() => options(spanMs)} />;
}

function options(spanMs: { readonly current: number }): Omit<uPlot.Options, 'width' | 'height'> {
  return {
    ms: 1,
    legend: { show: false },
    cursor: { show: false },
    padding: [2, 1, 2, 0],
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { time: true, range: (_, __, max) => [max - spanMs.current, max] },
      y: { range: (_, __, max) => [0, Math.max(max ?? 0, 1) * 1.1] },
    },
    series: [
      {},
      {
        stroke: cssColour('--accent'),
        width: 1.75,
        fill: cssColour('--accent', 0.12),
        points: { show: false },
        spanGaps: false,
      },
    ],
  };
}

function describe(name: string, points: readonly HistoryPoint[], format: (value: number) => string): string {
  const values = points.map((point) => point.value).filter((value) => value !== null);
  const first = points[0];
  if (!first || values.length === 0) return `${name}: nothing received yet`;
  const breaks = points.length - values.length;
  const gaps = breaks > 0 ? `, with ${breaks} ${breaks === 1 ? 'gap' : 'gaps'}` : '';
  return `${name} since ${formatClock(first.atMs)}: between ${format(Math.min(...values))} and ${format(Math.max(...values))}${gaps}`;
}
