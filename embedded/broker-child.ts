import { openMockCluster } from '../kafka/mock-cluster.ts';
import { openKafka } from '../kafka/open.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { BrokerMessage, BrokerSetup } from './broker.ts';
import { startGateServer } from './gate-server.ts';

/** The process of the embedded broker: the mock cluster and its gate. Started by `startEmbeddedBroker` only. */
const tell = (message: BrokerMessage): void => void process.send?.(message);
const setup = JSON.parse(process.argv[2] ?? '{}') as BrokerSetup;

process.on('SIGINT', () => {});
process.on('SIGTERM', () => {
  if (!process.connected && !setup.outlivesParent) process.exit(0);
});
process.on('disconnect', () => {
  if (!setup.outlivesParent) process.exit(0);
});
// Native threads may hold an orderly end up: nothing here outlives the process anyway.
process.on('message', () => process.exit(0));

try {
  const { brokers } = await openMockCluster(setup.driver);
  const kafka = await openKafka({
    driver: setup.driver,
    brokers,
    clientId: 'millrace-gate',
    logger: silentLogger,
    metrics: createMetrics(),
    clock: systemClock,
    isEmbedded: true,
  });
  const gateAddress = await startGateServer({ ...setup.gate, kafka, logger: silentLogger });
  tell({ kind: 'up', brokers, gateAddress });
} catch (error) {
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
