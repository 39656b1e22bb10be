// The channels `predictions:<metric>`: of each series its last minutes with what was forecast, the next hour, and how good the forecasts are.
// Guarantees: of a minute, band and score the newest revision stays; bounded in minutes a series and in rows; fed by the tail of the
// topic. What is older is in ClickHouse. Redelivery: what was seen changes nothing.
import type { ForecastBand, ForecastScore, Prediction } from '../../events/insights.ts';
import { resultTopics } from '../../events/topics.ts';
import type { LiveRow } from '../../live/messages.ts';
import type { RecordBatch } from '../../sources/source.ts';
import type { ParsedParams } from './channel.ts';
import { decodeRow } from './decode-row.ts';
import { LiveView, type LiveViewLimits } from './live-view.ts';
import type { TopicChannel } from './topic-channel.ts';

export interface PredictionsChannelLimits extends LiveViewLimits {
  /** Minutes held of each series. */
  readonly predictionMinutesMax: number;
  /** Rows of minutes held over all series of a metric; the ones told first leave first. */
  readonly predictionRowsMax: number;
}

type Row = Prediction | ForecastBand | ForecastScore;

export const predictedMetrics = ['revenue', 'volume', 'decline_rate'] as const;
/** Enough of a partition for the last hours of some dozens of series. */
const tailRecords = 20_000;
const keysMax = 100;
const minuteMs = 60_000;

/** One channel a metric. Messages have `<metric> <key>` for their key: so a channel need not read those of the others. */
export const createPredictionsChannels = (limits: PredictionsChannelLimits): readonly TopicChannel[] =>
  predictedMetrics.map((metric) => createPredictionsChannel(metric, limits));

function createPredictionsChannel(metric: string, limits: PredictionsChannelLimits): TopicChannel {
  const view = new LiveView(limits);
  const prefix = Buffer.from(`${metric} `);
  /** Ids of minutes in the order in which they came, and by series the newest target. */
  const held = new Map<string, { readonly key: string; readonly targetMs: number }>();
  const newestMs = new Map<string, number>();
  view.readiness = 'complete';

  const holdMinute = (id: string, { key, targetMs }: Prediction): void => {
    held.set(id, { key, targetMs });
    newestMs.set(key, Math.max(newestMs.get(key) ?? 0, targetMs));
    for (const [oldest, minute] of held) {
      const floorMs = (newestMs.get(minute.key) ?? 0) - limits.predictionMinutesMax * minuteMs;
      if (held.size <= limits.predictionRowsMax && minute.targetMs > floorMs) break;
      held.delete(oldest);
      view.expire(oldest);
    }
  };
  return {
    name: `predictions:${metric}`,
    topic: resultTopics.predictions,
    tailRecords,
    view,
    parse,
    add(batch, index) {
      if (!hasKey(batch, index, prefix)) return true;
      const row = decodePrediction(batch, index);
      if (!row) return false;
      const id = idOf(row);
      if (id === null) return true;
      const isPut = view.put({ id, revision: row.revision, row });
      if (isPut && row.kind === 'prediction' && !held.has(id)) holdMinute(id, row);
      return true;
    },
  };
}

/** Null: not shown. What was said of single minutes 1, 15 and 60 ahead is for the record. */
function idOf(row: Row): string | null {
  if (row.kind !== 'prediction') return JSON.stringify([row.kind, row.pipeline, row.version, row.key]);
  if (row.horizonMinutes !== 0) return null;
  return JSON.stringify(['minute', row.pipeline, row.version, row.key, row.targetMs]);
}

function hasKey({ bytes, keyStart, keyEnd }: RecordBatch, index: number, prefix: Uint8Array): boolean {
  const start = keyStart[index] ?? -1;
  if (start < 0 || (keyEnd[index] ?? -1) - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

function decodePrediction(batch: RecordBatch, index: number): Row | null {
  for (const kind of ['prediction', 'forecast-band', 'forecast-score']) {
    const row = decodeRow(batch, index, kind);
    if (row) return typeof row['key'] === 'string' ? (row as unknown as Row) : null;
  }
  return null;
}

function parse(params: Readonly<Record<string, unknown>>): ParsedParams {
  const { keys, ...others } = params;
  if (Object.keys(others).length > 0) return bad('knows keys');
  if (keys === undefined) return { kind: 'ok', filter: { key: '', matches: () => true } };
  const areKeys = Array.isArray(keys) && keys.length > 0 && keys.length <= keysMax;
  if (!areKeys || !keys.every((key) => typeof key === 'string')) return bad(`keys is a list of 1 to ${keysMax} texts`);
  const wanted = new Set(keys as readonly string[]);
  const matches = ({ row }: LiveRow): boolean => wanted.has((row as Row).key);
  return { kind: 'ok', filter: { key: JSON.stringify([...wanted].sort()), matches } };
}

const bad = (why: string): ParsedParams => ({ kind: 'bad', why: `a predictions channel ${why}` });
