import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';

const checkEveryMs = 500;
const backOffMs = { first: 500, max: 30_000 } as const;

/** Builds a service anew: called for the first start and after each failure. */
export type ServiceFactory<S extends Service> = () => Promise<S>;

export interface Supervised {
  readonly name: string;
  status(): ServiceStatus;
  restarts(): number;
  /** False from when it was found to read nothing, though alive, until it reads again. */
  isAlive(): boolean;
  /** Drains it and restarts it no more. */
  stop(): Promise<void>;
}

/**
 * Keeps one service running: one that fails to start, or fails later, is built and started again with back-off (0.5 s, doubling,
 * at most 30 s), alone. A parked one is left parked. Resolves at once; the first start goes on in the background.
 */
export function supervise<S extends Service>(
  name: string,
  factory: ServiceFactory<S>,
  parts: { readonly clock: Clock; readonly logger: Logger; readonly metrics: Metrics },
): Supervised {
  const { clock, logger } = parts;
  const restartsTotal = parts.metrics.counter('millrace_service_restarts_total', 'Restarts of a service', ['service']);
  const stopping = new AbortController();
  let current: S | null = null;
  let lastFailure: string | undefined;
  let restarts = 0;
  let isAlive = true;

  const runOnce = async (): Promise<void> => {
    const built = await factory();
    if (stopping.signal.aborted) return built.drain();
    current = built;
    await current.start();
    logger.debug({ service: name }, 'service started');
    while (!stopping.signal.aborted) {
      const { state, isStalled } = current.status();
      isAlive = isStalled === undefined ? isAlive : !isStalled;
      if (state === 'failed') break;
      await clock.sleep(checkEveryMs, stopping.signal);
    }
    if (!stopping.signal.aborted) throw new Error(current.status().detail ?? 'failed');
  };
  const loop = async (): Promise<void> => {
    for (let waitMs: number = backOffMs.first; !stopping.signal.aborted; waitMs = Math.min(waitMs * 2, backOffMs.max)) {
      const startedMs = clock.nowMs();
      try {
        await runOnce();
      } catch (error) {
        if (stopping.signal.aborted && current === null) return;
        lastFailure = error instanceof Error ? error.message : String(error);
        logger.error({ service: name, retryInMs: waitMs, err: lastFailure }, 'service failed, will be restarted');
        await current?.drain().catch(() => {});
        current = null;
        if (clock.nowMs() - startedMs > backOffMs.max) waitMs = backOffMs.first;
        await clock.sleep(waitMs, stopping.signal);
        restarts += 1;
        restartsTotal.inc({ service: name });
      }
    }
  };
  const running = loop();
  return {
    name,
    restarts: () => restarts,
    isAlive: () => isAlive,
    status: () =>
      current?.status() ?? { state: lastFailure ? 'failed' : 'starting', ...(lastFailure && { detail: lastFailure }) },
    stop: async () => {
      stopping.abort();
      // What is still being built has nothing to drain, and may wait for a broker: its clients are closed with all others.
      if (current === null) return;
      await current.drain();
      await running;
    },
  };
}
