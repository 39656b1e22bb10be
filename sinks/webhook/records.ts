// Records of `millrace.alerts` and `millrace.deliveries` as what they are, or null: what is neither is left to the sink that keeps
// such things. Redelivery: the same bytes give the same record.
import type { Alert, DeliveryRecord } from '../../events/decisions.ts';
import type { RecordBatch } from '../../sources/source.ts';

/** Our own producers write the topic: as much is checked as sending needs. */
export function alertAt(batch: RecordBatch, index: number): Alert | null {
  const value = recordAt(batch, index);
  const { kind, revision, alertId, transition, producer } = value;
  const hasRevision = typeof revision === 'string' && /^\d+$/.test(revision);
  const hasPlace = typeof producer === 'object' && producer !== null;
  const isAlert = kind === 'alert' && hasRevision && hasPlace && isText(alertId) && isText(transition);
  return isAlert ? (value as unknown as Alert) : null;
}

export function deliveryRecordAt(batch: RecordBatch, index: number): DeliveryRecord | null {
  const value = recordAt(batch, index);
  const { kind, endpoint, webhookId, atMs } = value;
  if (!isText(endpoint) || !isText(webhookId) || typeof atMs !== 'number') return null;
  return kind === 'delivery' || kind === 'endpoint-note' ? (value as unknown as DeliveryRecord) : null;
}

const utf8 = new TextDecoder();
const isText = (value: unknown): value is string => typeof value === 'string';

function recordAt({ bytes, valueStart, valueEnd }: RecordBatch, index: number): Readonly<Record<string, unknown>> {
  const start = valueStart[index] ?? -1;
  if (start < 0) return {};
  try {
    const parsed: unknown = JSON.parse(utf8.decode(bytes.subarray(start, valueEnd[index])));
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
