import type { TopicPartition } from '../../sources/source.ts';
import type { KafkaContext } from '../connection.ts';
import { KafkaError } from '../contract.ts';
import { kafkaError } from '../errors.ts';
import type { ProducerIdentity } from './batch-writer.ts';
import type { Cluster } from './cluster.ts';
import type { Metadata } from './wire.ts';
import { produceApi, readInitProducerId, writeInitProducerId } from './wire-produce.ts';

const retryMs = 100;
/** A topic that is being made may not be there yet. */
const topicWaitMs = 10_000;

/** Asks for a producer id, as long as it takes. */
export async function identify({ clock, closing }: KafkaContext, cluster: Cluster): Promise<ProducerIdentity> {
  for (;;) {
    try {
      const link = await cluster.anyLink();
      const answer = readInitProducerId(await link.request(produceApi.initProducerId, writeInitProducerId));
      if (answer.errorCode === 0) return answer;
      throw kafkaError(answer.errorCode, 'producer id');
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retryable || closing.aborted) throw error;
      await clock.sleep(retryMs, closing);
    }
  }
}

/** Why a topic has no partitions that could be written to; `errorCode`: the broker's, 0: none, undefined: it does not name the topic. */
export function noPartitions(topic: string, errorCode: number | undefined): KafkaError {
  if (errorCode === undefined) return new KafkaError('kafka_topic_missing', `the topic ${topic} does not exist`);
  if (errorCode !== 0) return kafkaError(errorCode, `partitions of ${topic}`);
  return new KafkaError('kafka_unavailable', `the partitions of ${topic} have no leader`);
}

/** Who leads a partition, during one search. */
export class ProduceLeaders {
  readonly #context: KafkaContext;
  readonly #missingSinceMs = new Map<string, number>();

  constructor(context: KafkaContext) {
    this.#context = context;
  }

  /** −1: not known now. Throws a `KafkaError` for what is not there, or may not be written to. */
  of({ topic, partition }: TopicPartition, topics: Metadata['topics']): number {
    const known = topics.find(({ name }) => name === topic);
    if (!known) return -1;
    if (known.errorCode !== 0) return this.#refused(topic, kafkaError(known.errorCode, `produce to ${topic}`));
    if (partition >= known.partitions.length)
      throw new KafkaError('kafka_topic_missing', `${topic} has no partition ${partition}`);
    return known.partitions.find((one) => one.partition === partition)?.leader ?? -1;
  }

  #refused(topic: string, error: KafkaError): number {
    const nowMs = this.#context.clock.nowMs();
    const sinceMs = this.#missingSinceMs.get(topic) ?? nowMs;
    this.#missingSinceMs.set(topic, sinceMs);
    const mayPass = error.retryable || (error.code === 'kafka_topic_missing' && nowMs - sinceMs < topicWaitMs);
    if (!mayPass) throw error;
    return -1;
  }
}
