import type { Service } from '../../telemetry/service.ts';

/** A service together with the clients that were opened for it alone: they are closed once it has drained, in the order given. */
export function owning<S extends Service>(service: S, clients: readonly { close(): Promise<void> }[]): Service {
  let draining: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    try {
      await service.drain();
    } finally {
      for (const client of clients) await client.close().catch(() => {});
    }
  };
  return {
    start: () => service.start(),
    status: () => service.status(),
    drain: () => (draining ??= drain()),
  };
}
