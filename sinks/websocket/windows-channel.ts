// A channel `windows:<pipeline>`: the newest windows of each of its outputs.
// Guarantees: bounded in event time, relative to the newest window of the output, and in rows; a window that left does not come
// back by a late correction (it is in ClickHouse), so a view never flaps.
// Redelivery: rows fold by identity and revision, from the topic and from ClickHouse alike and in any order.
import type { WindowResult } from '../../events/results.ts';
import type { Channel, ParsedParams } from './channel.ts';
import type { GatewayLimits } from './limits.ts';
import { LiveView } from './live-view.ts';

export interface WindowsChannel extends Channel {
  readonly pipeline: string;
  /** Folds a row. True when it changed the view. */
  add(row: WindowResult): boolean;
}

/** Up to here a window is short: five minutes. */
const shortWindowMs = 300_000;
const namesMax = 100;

interface OutputWindows {
  /** Identities by window start. */
  readonly starts: Map<number, { readonly endMs: number; readonly ids: Set<string> }>;
  newestEndMs: number;
  /** Windows that end at or before this have left. */
  floorMs: number;
  size: number;
}

export function createWindowsChannel(pipeline: string, limits: GatewayLimits): WindowsChannel {
  const view = new LiveView(limits);
  const outputs = new Map<string, OutputWindows>();

  const add = (row: WindowResult): boolean => {
    const output = outputs.get(row.output) ?? { starts: new Map(), newestEndMs: 0, floorMs: -Infinity, size: 0 };
    outputs.set(row.output, output);
    if (row.windowEndMs <= output.floorMs) return false;
    const id = windowIdentity(row);
    // One window alone fills its share: what it holds goes on changing, new keys are left to ClickHouse.
    if (output.size >= limits.rowsPerOutputMax && output.starts.size === 1 && !view.get(id)) return false;
    if (!view.put({ id, revision: row.revision, row })) return false;
    const window = output.starts.get(row.windowStartMs) ?? { endMs: row.windowEndMs, ids: new Set() };
    output.starts.set(row.windowStartMs, window);
    if (!window.ids.has(id)) output.size += 1;
    window.ids.add(id);
    output.newestEndMs = Math.max(output.newestEndMs, row.windowEndMs);
    const horizonMs = horizonOf(row.windowEndMs - row.windowStartMs, limits);
    trim(view, output, output.newestEndMs - horizonMs, limits.rowsPerOutputMax);
    return view.get(id) !== undefined;
  };
  return { name: `windows:${pipeline}`, pipeline, view, add, parse: (params) => parse(params, outputs) };
}

/** `(pipeline, version, output, window start, key)`; keys may hold anything, so they come last. */
export function windowIdentity({ version, output, windowStartMs, key }: WindowResult): string {
  return `${version} ${output} ${windowStartMs} ${key}`;
}

/** How much event time is held of windows of a size; at least three of them. */
export function horizonOf(sizeMs: number, limits: Pick<GatewayLimits, 'shortHorizonMs' | 'longHorizonMs'>): number {
  return Math.max(sizeMs <= shortWindowMs ? limits.shortHorizonMs : limits.longHorizonMs, sizeMs * 3);
}

/** Lets the oldest windows leave, whole ones, until the rest is within the bounds. */
function trim(view: LiveView, output: OutputWindows, horizonFloorMs: number, rowsMax: number): void {
  if (horizonFloorMs > output.floorMs + shortestWindowMs || output.size > rowsMax) {
    const oldestFirst = [...output.starts].sort(([a], [b]) => a - b);
    for (const [startMs, { endMs, ids }] of oldestFirst) {
      const isNeeded = endMs > horizonFloorMs && output.size <= rowsMax;
      if (isNeeded || output.starts.size === 1) break;
      for (const id of ids) view.expire(id);
      output.size -= ids.size;
      output.starts.delete(startMs);
      output.floorMs = Math.max(output.floorMs, endMs);
    }
    output.floorMs = Math.max(output.floorMs, horizonFloorMs);
  }
}

/** Sorting is not worth it more often than this of event time. */
const shortestWindowMs = 1_000;

function parse(params: Readonly<Record<string, unknown>>, held: ReadonlyMap<string, OutputWindows>): ParsedParams {
  for (const name of Object.keys(params))
    if (!['outputs', 'keys', 'sinceMs', 'lastMs'].includes(name)) return bad('knows outputs, keys, sinceMs, lastMs');
  const { outputs, keys, sinceMs, lastMs } = params;
  if (!isNames(outputs) || !isNames(keys)) return bad(`outputs and keys are lists of 1 to ${namesMax} texts`);
  if (!isTime(sinceMs) || !isTime(lastMs)) return bad('sinceMs and lastMs are numbers from 0');
  const outputSet = outputs && new Set(outputs);
  const keySet = keys && new Set(keys);
  const sorted = [outputs ?? null, keys ?? null].map((names) => names && [...new Set(names)].sort());
  return {
    kind: 'ok',
    filter: {
      key: JSON.stringify(sorted),
      matches: ({ row }) => {
        const { output, key } = row as WindowResult;
        return (!outputSet || outputSet.has(output)) && (!keySet || keySet.has(key));
      },
      snapshotFilter: () => (row) => {
        const { output, windowEndMs } = row.row as WindowResult;
        const newestEndMs = held.get(output)?.newestEndMs ?? 0;
        return windowEndMs > Math.max(sinceMs ?? 0, lastMs === undefined ? 0 : newestEndMs - lastMs);
      },
    },
  };
}

const bad = (why: string): ParsedParams => ({ kind: 'bad', why: `a windows channel ${why}` });

const isTime = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= 0);

function isNames(value: unknown): value is readonly string[] | undefined {
  if (value === undefined) return true;
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= namesMax &&
    value.every((name) => typeof name === 'string' && name.length <= 1_000)
  );
}
