import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { KafkaDriver } from '../../kafka/contract.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from '../requirements.ts';
import { runJourney } from './run-journey.ts';

const payments = 4_000;

/** The whole way with one Kafka client: a file, a broker, a service that is killed once on the way, ClickHouse, the oracle. */
export function describeShortJourney(driver: KafkaDriver): void {
  describeUnless([requireKafkaDriver(driver), requireChdb()], `a short journey with ${driver}`, () => {
    test('[C1][D1][F17] every final row in ClickHouse is what the oracle says, although the service was killed on the way', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-short-'));
      try {
        const file = join(folder, 'payments.csv');
        await writeFile(file, syntheticPayments());
        const said: string[] = [];
        const outcome = await runJourney({
          payments: { file, rows: payments },
          driver,
          kills: 1,
          seed: 7,
          timeoutMs: 540_000,
          say: (line) => said.push(line),
        });
        expect(outcome, said.join('\n')).toMatchObject({ missing: 0, extra: 0, different: 0, killed: 1 });
        expect(outcome.compared).toBeGreaterThan(2_000);
        expect(outcome.byKind).toMatchObject({ decisions: expect.any(Number), revenue: expect.any(Number) });
        expect(outcome.byKind['decisions']).toBeGreaterThan(3_000);
        expect(outcome.byKind['predictions']).toBeGreaterThan(2_000);
      } finally {
        await rm(folder, { recursive: true });
      }
    }, 600_000);
  });
}

/** Two hours of payments in the handbook's columns, up to 4 s out of order, every 50th sent twice. */
function syntheticPayments(): string {
  const lines = ['TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT'];
  const startMs = Date.UTC(2018, 3, 1);
  while (lines.length <= payments) {
    const i = lines.length;
    const atMs = startMs + i * 1_800 + ((i * 7_919) % 4) * 1_000;
    const at = new Date(atMs).toISOString().slice(0, 19);
    const amount = (((i * 104_729) % 20_000) / 100).toFixed(2);
    const line = `${i},${at},${(i * 31) % 211},${(i * 17) % 37},${amount}`;
    lines.push(line);
    if (i % 50 === 0 && lines.length <= payments) lines.push(line);
  }
  return `${lines.join('\n')}\n`;
}
