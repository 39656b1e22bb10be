import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { assertPortFree } from './port-free.ts';

it('names a busy port and the setting, and lets a free one pass', async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  const { port } = holder.address() as AddressInfo;
  await expect(assertPortFree('127.0.0.1', port, 'MILLRACE_SERVER_PORT')).rejects.toThrow(
    new RegExp(`port ${port} is in use.*MILLRACE_SERVER_PORT`),
  );
  await new Promise((resolve) => holder.close(resolve));
  await expect(assertPortFree('127.0.0.1', port, 'MILLRACE_SERVER_PORT')).resolves.toBeUndefined();
});
