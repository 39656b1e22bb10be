import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { writeAccess } from './clickhouse-access.ts';
import { createFront, prepareIncomingDir } from './clickhouse-front.ts';
import { openEngine } from './clickhouse-engine.ts';

/**
 * The embedded ClickHouse: run by `clickhouse.ts` as a process of its own, `clickhouse-child.ts <dataDir> <port> <database>`. It says on
 * its IPC channel what became of it, and ends with its parent. SIGINT and SIGTERM reach a whole terminal or unit at once;
 * the parent, which may still be draining into it, decides when it ends.
 */
export type ChildMessage =
  | { readonly kind: 'listening'; readonly port: number; readonly startupMs: number }
  | { readonly kind: 'failed'; readonly reason: 'port_busy' | 'engine'; readonly message: string };

const tell = (message: ChildMessage, then?: () => void): void => {
  process.send?.(message, () => then?.());
};

process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(0));

const dataDir = resolve(process.argv[2] ?? 'data');
const port = Number(process.argv[3] ?? 0);
const database = process.argv[4] ?? 'millrace';
const incomingDir = join(dataDir, 'incoming');
try {
  mkdirSync(dataDir, { recursive: true });
  const engine = openEngine(dataDir, writeAccess(join(dataDir, 'millrace-access'), database));
  await prepareIncomingDir(incomingDir);
  const server = createFront({ engine, incomingDir });
  server.on('error', (error: NodeJS.ErrnoException) =>
    tell({ kind: 'failed', reason: error.code === 'EADDRINUSE' ? 'port_busy' : 'engine', message: error.message }, () =>
      process.exit(1),
    ),
  );
  server.listen(port, '127.0.0.1', () =>
    tell({ kind: 'listening', port: (server.address() as AddressInfo).port, startupMs: Math.round(performance.now()) }),
  );
  process.on('message', () => server.close(() => process.exit(0)).closeIdleConnections());
} catch (error) {
  tell({ kind: 'failed', reason: 'engine', message: error instanceof Error ? error.message : String(error) }, () =>
    process.exit(1),
  );
}
