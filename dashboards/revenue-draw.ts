import type uPlot from 'uplot';
import { cssColour } from './css-colour.ts';
import type { RevenueStack, StackWindow } from './revenue-stack.ts';
import { otherCountries } from './revenue-stack.ts';
import type { MissingSpan } from './window-rows.ts';

/** What the drawing needs to know beyond the scales. */
export interface RevenuePicture {
  readonly stack: RevenueStack;
  readonly missing: readonly MissingSpan[];
  readonly selectedStartMs: number | null;
}

/** The colour class of a country's place in the stack: `cat-1` … `cat-6`, none for the rest. */
export function categoryOf(country: string, place: number): string {
  return country === otherCountries || place >= 6 ? 'cat-other' : `cat-${place + 1}`;
}

/**
 * Draws one bar a window on the plot's canvas. A bar is as wide as its window; what is still provisional is paler, hatched and labelled; a corrected
 * window carries a diamond; a span that was never received is grey and says so.
 */
export function drawRevenue(plot: uPlot, picture: RevenuePicture): void {
  const context = plot.ctx;
  const palette = paletteOf(picture.stack.countries);
  context.save();
  context.beginPath();
  context.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
  context.clip();
  for (const span of picture.missing) drawMissing(plot, span);
  for (const window of picture.stack.windows)
    drawBar(plot, window, palette, window.startMs === picture.selectedStartMs);
  drawProvisional(plot, picture.stack.windows);
  context.restore();
}

function paletteOf(countries: readonly string[]): readonly string[] {
  return countries.map((country, place) => cssColour(`--${categoryOf(country, place)}`));
}

function drawBar(plot: uPlot, window: StackWindow, palette: readonly string[], isSelected: boolean): void {
  const context = plot.ctx;
  const { left, width } = extent(plot, window.startMs, window.endMs);
  const inset = Math.min(width * 0.12, 4 * devicePixelRatio);
  let below = 0;
  if (isSelected) {
    context.fillStyle = cssColour('--raised');
    context.fillRect(left, plot.bbox.top, width, plot.bbox.height);
  }
  context.globalAlpha = window.state === 'provisional' ? 0.55 : 1;
  for (const [place, part] of window.parts.entries()) {
    const bottom = plot.valToPos(below, 'y', true);
    below += part.sumMinor;
    const top = plot.valToPos(below, 'y', true);
    context.fillStyle = palette[place] ?? '';
    context.fillRect(left + inset, top, Math.max(1, width - 2 * inset), bottom - top);
  }
  context.globalAlpha = 1;
  if (window.state === 'corrected') drawDiamond(plot, left + width / 2, plot.valToPos(below, 'y', true));
}

function drawDiamond(plot: uPlot, x: number, top: number): void {
  const context = plot.ctx;
  const half = 4 * devicePixelRatio;
  const y = Math.max(plot.bbox.top + half, top - 2 * half);
  context.fillStyle = cssColour('--note');
  context.beginPath();
  context.moveTo(x, y - half);
  context.lineTo(x + half, y);
  context.lineTo(x, y + half);
  context.lineTo(x - half, y);
  context.fill();
}

/** Shades everything from the first provisional window on. */
function drawProvisional(plot: uPlot, windows: readonly StackWindow[]): void {
  const open = windows.filter((window) => window.state === 'provisional');
  const [first, last] = [open[0], open.at(-1)];
  if (!first || !last) return;
  const { left, width } = extent(plot, first.startMs, last.endMs);
  const context = plot.ctx;
  context.fillStyle = cssColour('--warn', 0.07);
  context.fillRect(left, plot.bbox.top, width, plot.bbox.height);
  hatch(plot, left, width, cssColour('--warn', 0.28));
  context.strokeStyle = cssColour('--warn', 0.8);
  context.lineWidth = devicePixelRatio;
  context.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  context.beginPath();
  context.moveTo(left, plot.bbox.top);
  context.lineTo(left, plot.bbox.top + plot.bbox.height);
  context.stroke();
  context.setLineDash([]);
  label(plot, 'provisional', left - 6 * devicePixelRatio, cssColour('--warn'), 'right');
}

function drawMissing(plot: uPlot, span: MissingSpan): void {
  const { left, width } = extent(plot, span.fromMs, span.toMs);
  plot.ctx.fillStyle = cssColour('--line', 0.5);
  plot.ctx.fillRect(left, plot.bbox.top, width, plot.bbox.height);
  hatch(plot, left, width, cssColour('--line-strong', 0.6));
  label(plot, 'not received', left + width / 2, cssColour('--ink-soft'), 'center');
}

function hatch(plot: uPlot, left: number, width: number, colour: string): void {
  const context = plot.ctx;
  const { top, height } = plot.bbox;
  const step = 7 * devicePixelRatio;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = devicePixelRatio;
  context.beginPath();
  for (let x = left - height; x < left + width; x += step) {
    context.moveTo(x, top + height);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

function label(plot: uPlot, text: string, x: number, colour: string, align: CanvasTextAlign): void {
  const context = plot.ctx;
  context.font = `550 ${11 * devicePixelRatio}px ui-sans-serif, system-ui, sans-serif`;
  context.textAlign = align;
  context.textBaseline = 'top';
  context.fillStyle = colour;
  context.fillText(text, x, plot.bbox.top + 4 * devicePixelRatio);
}

function extent(plot: uPlot, fromMs: number, toMs: number): { readonly left: number; readonly width: number } {
  const left = plot.valToPos(fromMs, 'x', true);
  return { left, width: plot.valToPos(toMs, 'x', true) - left };
}
