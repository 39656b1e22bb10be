// A channel that is fed by the records of one result topic. The gateway reads the topic's tail at its start and then all of it.
import type { RecordBatch, TopicPartition } from '../../sources/source.ts';
import { createAlertsChannel } from './alerts-channel.ts';
import type { Channel } from './channel.ts';
import { createDecisionsChannel } from './decisions-channel.ts';
import { createDeliveriesChannel } from './deliveries-channel.ts';
import type { GatewayLimits } from './limits.ts';
import { createPredictionsChannels } from './predictions-channel.ts';

export interface TopicChannel extends Channel {
  readonly topic: string;
  /** Records of a partition, counted from its end, that a gateway reads at its start. */
  readonly tailRecords: number;
  /** False when the record is none of what the channel shows. */
  add(batch: RecordBatch, index: number): boolean;
  /** Where reading of a partition begins, or goes on where records were gone before they were read. */
  readsFrom?(tp: TopicPartition, fromOffset: bigint): void;
  /** Asked once a tick, before changes are published; for channels that show less than they read. */
  keepTime?(nowMs: number): void;
}

/** One more channel is one more line here. */
export function topicChannels(limits: GatewayLimits, nowMs: number): readonly TopicChannel[] {
  return [
    createDecisionsChannel(limits, nowMs),
    createAlertsChannel(limits),
    createDeliveriesChannel(limits),
    ...createPredictionsChannels(limits),
  ];
}
