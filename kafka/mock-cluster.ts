import type { KafkaDriver } from './contract.ts';
import { loadDriver, type NativeProducer } from './driver.ts';

export interface MockCluster {
  /** `127.0.0.1:port`. */
  readonly brokers: string;
  /** The process may rather just exit: nothing in the cluster outlives it. */
  close(): Promise<void>;
}

/**
 * librdkafka's in-memory mock cluster, opened on loopback in this process. Real Kafka protocol; 4 partitions per topic,
 * about 5 MB per partition, oldest dropped beyond; nothing survives the process.
 */
export async function openMockCluster(driverName: KafkaDriver): Promise<MockCluster> {
  const driver = await loadDriver(driverName);
  const producer: NativeProducer = driver.producer({ 'test.mock.num.brokers': 1, 'client.id': 'millrace-broker' }, {});
  producer.on('event.log', () => {});
  producer.on('event.error', () => {});
  const port = await new Promise<number>((resolve, reject) => {
    producer.connect({ timeout: 10_000, allTopics: false }, (error, metadata) => {
      const found = (metadata as { brokers?: { port: number }[] } | undefined)?.brokers?.[0]?.port;
      if (error || found === undefined)
        reject(error instanceof Error ? error : new Error('the mock cluster gave no address'));
      else resolve(found);
    });
  });
  return {
    brokers: `127.0.0.1:${port}`,
    close: () => new Promise((resolve) => void producer.disconnect(1, resolve)),
  };
}
