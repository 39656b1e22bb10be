import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { brokerJars } from './jars.ts';

/** Produces lines by Kafka's own console producer, so by the Java client: its batches, its compression. */
export function produceByJava(
  brokers: string,
  topic: string,
  codec: 'gzip' | 'snappy' | 'lz4' | 'zstd' | 'none',
  lines: readonly string[],
): void {
  const jars = brokerJars();
  if (jars.kind === 'missing') throw new Error(jars.reason);
  const vm = [
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=error',
  ];
  const options = ['--bootstrap-server', brokers, '--topic', topic, '--compression-codec', codec];
  const { error, status, stderr } = spawnSync(
    'java',
    [...vm, '-cp', join(jars.folder, '*'), 'org.apache.kafka.tools.ConsoleProducer', ...options],
    { input: `${lines.join('\n')}\n`, encoding: 'utf8', timeout: 150_000 },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`the console producer: ${stderr}`);
}
