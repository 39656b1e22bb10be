import type { Service } from '../../telemetry/service.ts';

/** A service together with the clients that were opened for it alone: they are closed once it has drained, side by side. */
export function owning<S extends Service>(service: S, clients: readonly { close(): Promise<void> }[]): Service {
  let draining: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    try {
      await service.drain();
    } finally {
      await Promise.all(clients.map((client) => client.close().catch(() => {})));
    }
  };
  return {
    start: () => service.start(),
    status: () => service.status(),
    drain: () => (draining ??= drain()),
  };
}
