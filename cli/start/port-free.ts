import { createServer } from 'node:net';
import { holderOfPort } from '../port-holder.ts';

/** Rejects with one line that names the port, who holds it where that can be known, and the setting, when it cannot be listened on. */
export async function assertPortFree(host: string, port: number, setting: string): Promise<void> {
  if (port === 0) return;
  const code = await new Promise<string | null>((resolve) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(null)));
  });
  if (code === null) return;
  if (code !== 'EADDRINUSE') throw new Error(`cannot listen on ${host}:${port} (${code}): set another by ${setting}`);
  const holder = holderOfPort(port);
  throw new Error(`port ${port} is in use${holder ? ` by ${holder}` : ''}: stop that, or set another by ${setting}`);
}
