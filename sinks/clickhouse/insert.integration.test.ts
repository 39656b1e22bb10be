import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import { silentLogger } from '../../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { sinkSuite } from '../sink-suite.ts';
import { connectClickHouse } from './connection.ts';
import { createTableSink, type TableRows } from './insert.ts';
import { migrate } from './migrate.ts';
import { createRowBuffer } from './row-binary.ts';
import { writeWindow } from './tables.ts';
import { startTestClickHouse, testWindow, type TestClickHouse } from './testbed-suite.ts';

describeUnless([requireChdb()], 'ClickHouse', () => {
  let clickhouse: TestClickHouse;
  let databases = 0;
  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
  });
  afterAll(() => clickhouse.stop());

  sinkSuite<TableRows>('a ClickHouse table', async () => {
    const database = `sink_${databases++}`;
    await migrate(clickhouse.client, { database, logger: silentLogger });
    const proxy = createProxy(clickhouse.server.url);
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    const client = connectClickHouse({ url: `http://127.0.0.1:${(proxy.server.address() as AddressInfo).port}` });
    return {
      sink: createTableSink(client, database),
      row: (i, revision = 1) => {
        const block = createRowBuffer();
        writeWindow(block, testWindow(revision, { key: `${i}`, values: { revision } }));
        return { table: 'window_results', block };
      },
      stored: async () => {
        const rows = await clickhouse.rows<[string, string]>(
          `SELECT key, \`values\` FROM ${database}.window_results_final ORDER BY toInt32(key)`,
        );
        return new Map(
          rows.map(([key, values]) => [Number(key), (JSON.parse(values) as { revision: number }).revision]),
        );
      },
      setDown: async (isDown) => proxy.setDown(isDown),
      stop: async () => {
        await client.close();
        proxy.server.closeAllConnections();
        proxy.server.close();
      },
    };
  });
});

/** Between client and ClickHouse, so that ClickHouse can seem away. */
function createProxy(target: string): { readonly server: Server; setDown(isDown: boolean): void } {
  let isDown = false;
  const server = createServer((incoming, outgoing) => {
    if (isDown) return void incoming.socket.destroy();
    const forward = request(
      `${target}${incoming.url}`,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      },
    );
    incoming.pipe(forward);
  });
  return { server, setDown: (value) => (isDown = value) };
}
