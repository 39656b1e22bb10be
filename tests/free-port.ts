import { createServer } from 'node:net';

/** Below the ports that systems give out by themselves (32768 and up on Linux): nobody else is given one of these before it is used, or while it rests. */
const [firstPort, endPort] = [20_000, 32_000] as const;

/** A port on loopback that nobody has, and that only who asks here may be told. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * (endPort - firstPort));
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
