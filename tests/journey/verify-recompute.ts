import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Verified, verifyDecisions } from '../../cli/verify-decisions.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import { connectClickHouse } from '../../sinks/clickhouse/connection.ts';
import type { Stored } from './oracle.ts';
import { type JourneyOptions, runJourney } from './run-journey.ts';
import { queryLines } from './stored-rows.ts';

/**
 * `npm run verify:recompute`: payments through a real service, then every decision made again from archive and order log. With
 * `--alter` one archived payment is then changed by hand, and the decisions that used it must be the ones that are reported. The
 * last line is JSON; exit 0 when nothing differs, 1 when something does that should not, 2 for wrong usage.
 */
const usage = `usage: npm run verify:recompute -- --data DIR [--decisions N] [--alter]
  --data DIR        folder that holds handbook/transactions.csv.gz
  --decisions N     first N payments of the file (default 10000)
  --alter           then change one archived payment, and see which decisions differ
  --timeout-s S     give up after (default 300)`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      decisions: { type: 'string', default: '10000' },
      alter: { type: 'boolean', default: false },
      'timeout-s': { type: 'string', default: '300' },
    },
  });
  const file = join(values.data ?? '', 'handbook/transactions.csv.gz');
  const rows = Number(values.decisions);
  if (values.data === undefined || !existsSync(file) || !(rows >= 1)) {
    process.stderr.write(`${existsSync(file) ? '--decisions must be a number' : `${file} does not exist`}\n${usage}\n`);
    return 2;
  }
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  let isAsExpected = false;
  const options: JourneyOptions = {
    ...{ payments: { file, rows }, driver: 'node-rdkafka', kills: 1, seed: 3, say },
    timeoutMs: Number(values['timeout-s']) * 1_000,
    onSettled: async (stored) => {
      const first = await verified(stored, say);
      isAsExpected = first.different === 0 && first.unverified === 0 && first.decisions === rows;
      if (values.alter) isAsExpected &&= await altered(stored, Math.floor(rows / 2), say);
      const { decisions, different } = first;
      process.stdout.write(`${JSON.stringify({ decisions, different })}\n`);
    },
  };
  await runJourney(options);
  return isAsExpected ? 0 : 1;
}

async function verified({ url, database }: Stored, say: (line: string) => void): Promise<Verified> {
  const env = {
    MILLRACE_KAFKA_BROKERS: 'none:1',
    MILLRACE_KAFKA_GATE: 'none:1',
    MILLRACE_CLICKHOUSE_DATABASE: database,
  };
  const config = loadConfig({ file: undefined, env });
  const processor = processorsOf(config).find(({ name }) => name === 'fraud');
  if (!processor) throw new Error('the pipeline fraud is off');
  const client = connectClickHouse({ url });
  try {
    return await verifyDecisions({ client, config, env, processor, decisionsMax: 4_000_000_000, say: noise(say) });
  } finally {
    await client.close();
  }
}

/** The first lines are enough to see what it is about. */
function noise(say: (line: string) => void): (line: string) => void {
  let left = 8;
  return (line) => void (left-- > 0 && say(line));
}

/**
 * Changes the amount of the payment in the middle. Who used it is what shares its card or terminal, was decided after it and is
 * not a week (and a tile of that window) younger: found by SQL, not by the fold.
 */
async function altered(stored: Stored, place: number, say: (line: string) => void): Promise<boolean> {
  const { url, database } = stored;
  const chosen = `SELECT payment_id, topic, partition, toString(offset), card_id, terminal_id FROM ${database}.decisions FINAL ORDER BY event_time, payment_id LIMIT 1 OFFSET ${place} FORMAT JSONCompactEachRow`;
  const [line = '[]'] = await all(url, chosen);
  const [id, topic, partition, offset, card, terminal] = JSON.parse(line) as [
    string,
    string,
    number,
    string,
    string,
    string,
  ];
  const change = `ALTER TABLE ${database}.events UPDATE value = replaceRegexpOne(ifNull(value, ''), '"amountMinor":\\\\d+', '"amountMinor":77777777') WHERE topic = '${topic}' AND partition = ${partition} AND offset = ${offset} SETTINGS mutations_sync = 1`;
  await all(url, change);
  say(`payment ${id} (${topic}-${partition} ${offset}) is changed in the archive`);
  const used = await all(
    url,
    `WITH (SELECT (epoch, order_offset, output_index, event_time) FROM ${database}.decisions FINAL WHERE payment_id = '${id}') AS self,
       toInt64(604800000) AS week, toInt64(10080000) AS tile
     SELECT payment_id FROM ${database}.decisions FINAL
     WHERE (card_id = '${card}' OR terminal_id = '${terminal}') AND (epoch, order_offset, output_index) >= (self.1, self.2, self.3)
       AND event_time >= self.4
       AND intDiv(toUnixTimestamp64Milli(event_time) - week, tile) <= intDiv(toUnixTimestamp64Milli(self.4), tile)
     FORMAT TSV`,
  );
  const { differentPayments, changedRanges } = await verified(stored, say);
  const isSame = differentPayments.toSorted().join() === used.toSorted().join();
  const outcome = { altered: id, used: used.length, reported: differentPayments.length, changedRanges };
  say(JSON.stringify(outcome));
  if (!isSame) say(`used ${used.toSorted().join()}\nreported ${differentPayments.toSorted().join()}`);
  return isSame && used.length > 0;
}

async function all(url: string, sql: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of queryLines(url, sql)) if (line !== '') lines.push(line);
  return lines;
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`verify:recompute failed: ${error.message}\n`);
  return 1;
});
