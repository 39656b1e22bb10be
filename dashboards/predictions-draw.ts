import type uPlot from 'uplot';
import { cssColour } from './css-colour.ts';
import type { ChartMinute } from './predicted-series.ts';
import type { PredictionsPicture } from './predictions-chart.tsx';

/**
 * Draws a series on the plot's canvas: the interval that was and is expected as a band (of the past paler), the forecast to come as a dashed
 * line, what came true as a line, a diamond on each anomaly, and where the present is.
 */
export function drawPredictions(plot: uPlot, { minutes, selectedMs }: PredictionsPicture): void {
  const context = plot.ctx;
  const over = minutes.filter(({ actual }) => actual !== null);
  const ahead = minutes.slice(over.length === 0 ? 0 : minutes.indexOf(over.at(-1) as ChartMinute));
  context.save();
  context.beginPath();
  context.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  context.clip();
  drawBand(plot, over, cssColour('--cat-2', 0.13));
  drawBand(plot, ahead.slice(1), cssColour('--cat-2', 0.3));
  drawLine(plot, ahead.slice(1), ({ forecast }) => forecast, { colour: cssColour('--cat-2'), dash: [5, 4] });
  for (const run of runsOf(minutes))
    drawLine(plot, run, ({ actual }) => actual ?? 0, { colour: cssColour('--cat-1'), dash: [] });
  for (const minute of over) if (minute.isAnomaly) drawDiamond(plot, minute);
  drawPresent(plot, ahead[0]);
  const selected = minutes.find(({ targetMs }) => targetMs === selectedMs);
  if (selected) drawDot(plot, selected);
  context.restore();
}

/** Minutes with a value, cut where there is none. */
function runsOf(minutes: readonly ChartMinute[]): readonly (readonly ChartMinute[])[] {
  const runs: ChartMinute[][] = [[]];
  for (const minute of minutes) {
    if (minute.actual === null) runs.push([]);
    else runs.at(-1)?.push(minute);
  }
  return runs.filter((run) => run.length > 0);
}

function drawBand(plot: uPlot, minutes: readonly ChartMinute[], colour: string): void {
  const context = plot.ctx;
  if (minutes.length === 0) return;
  context.fillStyle = colour;
  context.beginPath();
  for (const { targetMs, high } of minutes)
    context.lineTo(plot.valToPos(targetMs, 'x', true), plot.valToPos(high, 'y', true));
  for (const { targetMs, low } of minutes.toReversed())
    context.lineTo(plot.valToPos(targetMs, 'x', true), plot.valToPos(low, 'y', true));
  context.fill();
}

function drawLine(
  plot: uPlot,
  minutes: readonly ChartMinute[],
  valueOf: (minute: ChartMinute) => number,
  { colour, dash }: { readonly colour: string; readonly dash: readonly number[] },
): void {
  const context = plot.ctx;
  context.strokeStyle = colour;
  context.lineWidth = 1.75 * devicePixelRatio;
  context.lineJoin = 'round';
  context.setLineDash(dash.map((length) => length * devicePixelRatio));
  context.beginPath();
  for (const minute of minutes)
    context.lineTo(plot.valToPos(minute.targetMs, 'x', true), plot.valToPos(valueOf(minute), 'y', true));
  context.stroke();
  context.setLineDash([]);
}

function drawDiamond(plot: uPlot, { targetMs, actual }: ChartMinute): void {
  const context = plot.ctx;
  const half = 5.5 * devicePixelRatio;
  const x = plot.valToPos(targetMs, 'x', true);
  const y = plot.valToPos(actual ?? 0, 'y', true);
  context.fillStyle = cssColour('--bad');
  context.strokeStyle = cssColour('--card');
  context.lineWidth = 1.5 * devicePixelRatio;
  context.beginPath();
  context.moveTo(x, y - half);
  context.lineTo(x + half, y);
  context.lineTo(x, y + half);
  context.lineTo(x - half, y);
  context.closePath();
  context.fill();
  context.stroke();
}

function drawPresent(plot: uPlot, newest: ChartMinute | undefined): void {
  if (!newest || newest.actual === null) return;
  const context = plot.ctx;
  const x = plot.valToPos(newest.targetMs, 'x', true);
  context.strokeStyle = cssColour('--line-strong');
  context.lineWidth = devicePixelRatio;
  context.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  context.beginPath();
  context.moveTo(x, plot.bbox.top);
  context.lineTo(x, plot.bbox.top + plot.bbox.height);
  context.stroke();
  context.setLineDash([]);
  context.font = `550 ${11 * devicePixelRatio}px ui-sans-serif, system-ui, sans-serif`;
  context.textBaseline = 'top';
  context.textAlign = 'left';
  context.fillStyle = cssColour('--ink-soft');
  context.fillText('next hour', x + 6 * devicePixelRatio, plot.bbox.top + 4 * devicePixelRatio);
}

function drawDot(plot: uPlot, { targetMs, actual, forecast }: ChartMinute): void {
  const context = plot.ctx;
  context.fillStyle = cssColour(actual === null ? '--cat-2' : '--cat-1');
  context.strokeStyle = cssColour('--card');
  context.lineWidth = 2 * devicePixelRatio;
  context.beginPath();
  context.arc(
    plot.valToPos(targetMs, 'x', true),
    plot.valToPos(actual ?? forecast, 'y', true),
    4.5 * devicePixelRatio,
    0,
    2 * Math.PI,
  );
  context.fill();
  context.stroke();
}
