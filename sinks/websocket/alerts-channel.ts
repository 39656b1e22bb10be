// The channel `alerts`: every alert as it stands now, the newest `alertsMax` of them, from the tail of their topic.
// Guarantees: of an alert the newest transition stays, whatever came first; bounded. What is older than the topic's tail is in ClickHouse.
// Redelivery: a transition that was seen changes nothing.
import type { Alert } from '../../events/decisions.ts';
import type { RecordBatch } from '../../sources/source.ts';
import { parseNoParams, type Channel } from './channel.ts';
import { LiveView, type LiveViewLimits } from './live-view.ts';

export interface AlertsChannel extends Channel {
  /** False when the record is no alert. */
  add(batch: RecordBatch, index: number): boolean;
}

export function createAlertsChannel(limits: LiveViewLimits & { readonly alertsMax: number }): AlertsChannel {
  const view = new LiveView(limits);
  const held: string[] = [];
  view.readiness = 'complete';
  return {
    name: 'alerts',
    view,
    parse: parseNoParams,
    add(batch, index) {
      const alert = decodeAlert(batch, index);
      if (!alert) return false;
      const id = `${alert.pipeline} ${alert.version} ${alert.alertId}`;
      const isNew = !view.get(id);
      view.put({ id, revision: alert.revision, row: alert });
      if (isNew && held.push(id) > limits.alertsMax) view.expire(held.shift() ?? '');
      return true;
    },
  };
}

const utf8 = new TextDecoder();

function decodeAlert({ bytes, valueStart, valueEnd }: RecordBatch, index: number): Alert | null {
  const start = valueStart[index] ?? -1;
  if (start < 0) return null;
  try {
    const parsed: unknown = JSON.parse(utf8.decode(bytes.subarray(start, valueEnd[index])));
    return isAlert(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** Our own producers write the topic: as much is checked as folding needs. */
function isAlert(value: unknown): value is Alert {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, revision, alertId, pipeline } = value as Record<string, unknown>;
  const hasRevision = typeof revision === 'string' && /^\d+$/.test(revision);
  return kind === 'alert' && hasRevision && typeof alertId === 'string' && typeof pipeline === 'string';
}
