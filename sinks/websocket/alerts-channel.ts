// The channel `alerts`: every alert as it stands now, the newest `alertsMax` of them, from the tail of their topic.
// Guarantees: of an alert the newest transition stays, whatever came first; bounded. What is older than the topic's tail is in ClickHouse.
// Redelivery: a transition that was seen changes nothing.
import type { Alert } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import { parseNoParams } from './channel.ts';
import { decodeRow } from './decode-row.ts';
import { LiveView, type LiveViewLimits } from './live-view.ts';
import type { TopicChannel } from './topic-channel.ts';

export function createAlertsChannel(limits: LiveViewLimits & { readonly alertsMax: number }): TopicChannel {
  const view = new LiveView(limits);
  const held: string[] = [];
  view.readiness = 'complete';
  return {
    name: 'alerts',
    topic: resultTopics.alerts,
    tailRecords: limits.alertsMax,
    view,
    parse: parseNoParams,
    add(batch, index) {
      const row = decodeRow(batch, index, 'alert');
      if (typeof row?.['alertId'] !== 'string') return false;
      const alert = row as unknown as Alert;
      const id = `${alert.pipeline} ${alert.alertId}`;
      const isNew = !view.get(id);
      view.put({ id, revision: alert.revision, row: alert });
      if (isNew && held.push(id) > limits.alertsMax) view.expire(held.shift() ?? '');
      return true;
    },
  };
}
