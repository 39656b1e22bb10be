// `npm run kafka`: a real broker on loopback until Ctrl-C, for `MILLRACE_KAFKA_BROKERS=… npm start`.
import { startKafka } from './broker.ts';
import { brokerJars } from './jars.ts';

const jars = brokerJars();
if (jars.kind === 'missing') {
  console.error(jars.reason);
  process.exit(1);
}
const kafka = await startKafka();
console.log(`Apache Kafka ${kafka.version} at ${kafka.brokers}; its topics go when it stops`);
console.log(`  MILLRACE_KAFKA_BROKERS=${kafka.brokers} npm start`);
console.log('  Ctrl-C stops it');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => void kafka.stop().then(() => process.exit(0)));
