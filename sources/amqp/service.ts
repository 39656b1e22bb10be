// The bridges from RabbitMQ as one service. One that cannot reach RabbitMQ tries by itself; the service fails (and is built anew, with
// another producer) only where the producer will never send again. Redelivery: as in bridge.ts.
import type { Clock } from '../../telemetry/clock.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';
import type { Bridge } from './bridge.ts';

export interface AmqpServiceOptions {
  /** By the name of the queue. */
  readonly bridges: ReadonlyMap<string, Bridge>;
  readonly clock: Clock;
  /** How long what is being sent may take at the end; what is not acknowledged then comes again. */
  readonly drainTimeoutMs?: number;
}

const defaultDrainTimeoutMs = 5_000;

/** `start` resolves at once: a RabbitMQ that is away is waited for, and `detail` says so. */
export function createAmqpService({ bridges, clock, drainTimeoutMs }: AmqpServiceOptions): Service {
  let state: ServiceStatus['state'] = 'starting';
  let failure: string | undefined;
  let running: Promise<unknown> = Promise.resolve();
  const fail = (error: unknown): void => {
    if (state === 'stopped') return;
    state = 'failed';
    failure = error instanceof Error ? error.message : String(error);
  };
  return {
    async start() {
      state = 'running';
      running = Promise.all([...bridges.values()].map((bridge) => bridge.run().catch(fail)));
    },
    async drain() {
      state = 'stopped';
      for (const bridge of bridges.values()) bridge.stop();
      const late = new AbortController();
      await Promise.race([running, clock.sleep(drainTimeoutMs ?? defaultDrainTimeoutMs, late.signal)]);
      late.abort();
    },
    status() {
      const troubles = [...bridges].flatMap(([queue, bridge]) => {
        const trouble = bridge.trouble();
        return trouble === null ? [] : [`${queue}: ${trouble}`];
      });
      const detail = failure ?? troubles.join('; ');
      return { state, ...(detail !== '' && { detail }) };
    },
  };
}
