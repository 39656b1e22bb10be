import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A proxy in front of a broker, on loopback, that can let nothing through without saying so: a network that is gone. */
export interface KafkaProxy {
  readonly port: number;
  /** `127.0.0.1:port`. */
  readonly brokers: string;
  forwardTo(address: string): void;
  /** Drops every byte of every connection, old and new, until `heal`. */
  drop(): void;
  /** Lets new connections through again. The old ones, which have lost bytes, are reset. */
  heal(): void;
  close(): Promise<void>;
}

/** Listens on a free port. */
export async function openProxy(): Promise<KafkaProxy> {
  const open = new Set<Socket>();
  let target = '';
  let isDropping = false;
  const server = createServer((near) => {
    const far = connect(Number(target.split(':')[1]), '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('data', (bytes) => {
        if (!isDropping) to.write(bytes);
      });
      from.on('error', () => {});
      from.on('close', () => {
        open.delete(from);
        // What is dropped is dropped in silence: not even an end gets through.
        if (!isDropping) to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const reset = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    brokers: `127.0.0.1:${port}`,
    forwardTo: (to) => (target = to),
    drop: () => (isDropping = true),
    heal() {
      isDropping = false;
      reset();
    },
    async close() {
      reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
