// The channel `deliveries`: the newest `deliveriesMax` attempts to deliver a webhook, from the tail of their topic.
// Guarantees: each attempt once, as recorded; bounded. What is older than the topic's tail is in ClickHouse.
// Redelivery: an attempt that was seen changes nothing.
import type { DeliveryAttempt } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import { deliveryRecordAt } from '../webhook/records.ts';
import { parseNoParams } from './channel.ts';
import { LiveView, type LiveViewLimits } from './live-view.ts';
import type { TopicChannel } from './topic-channel.ts';

export function createDeliveriesChannel(limits: LiveViewLimits & { readonly deliveriesMax: number }): TopicChannel {
  const view = new LiveView(limits);
  const held: string[] = [];
  view.readiness = 'complete';
  return {
    name: 'deliveries',
    topic: resultTopics.deliveries,
    tailRecords: limits.deliveriesMax,
    view,
    parse: parseNoParams,
    add(batch, index) {
      const record = deliveryRecordAt(batch, index);
      if (record?.kind === 'delivery') put(record);
      return record !== null;
    },
  };

  function put(attempt: DeliveryAttempt): void {
    const id = `${attempt.endpoint} ${attempt.webhookId} ${attempt.attempt}`;
    if (view.get(id)) return;
    view.put({ id, revision: String(attempt.atMs), row: attempt });
    if (held.push(id) > limits.deliveriesMax) view.expire(held.shift() ?? '');
  }
}
