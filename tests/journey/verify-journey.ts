import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type JourneyOptions, runJourney } from './run-journey.ts';

/**
 * `npm run verify:journey`: the first part of the data files through a real service, every final row against the oracle. The last
 * line is JSON; exit 0 when nothing is missing, extra or different, 1 when something is or the run failed, 2 for wrong usage.
 */
const usage = `usage: npm run verify:journey -- --data DIR --payments N --clicks N
  --data DIR        folder that holds handbook/transactions.csv.gz and globo/clicks.csv.gz
  --payments N      first N rows of the handbook file (default 200000)
  --clicks N        first N rows of the Globo file (default 200000; 0: none)
  --kill K          kill -9 the service K times on the way (default 0)
  --seed S          moments of the kills (default 1)
  --break fold      make one value wrong in the fold: must exit 1
  --driver D        node-rdkafka (default) or confluent
  --timeout-s S     give up after (default 300)
  --json            nothing but the last line`;

async function main(): Promise<number> {
  const asked = readOptions();
  if (typeof asked === 'string') {
    process.stderr.write(`${asked}\n${usage}\n`);
    return 2;
  }
  const { examples, killed, elapsedMs, ...counts } = await runJourney(asked);
  asked.say(`${killed} kills, ${(elapsedMs / 1_000).toFixed(1)} s`);
  for (const example of examples) process.stdout.write(`${example}\n`);
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  const isSame = counts.missing + counts.extra + counts.different === 0;
  const isEveryKindThere = Object.values(counts.byKind).every((compared) => compared > 0);
  return isSame && isEveryKindThere ? 0 : 1;
}

function readOptions(): JourneyOptions | string {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string' },
        payments: { type: 'string', default: '200000' },
        clicks: { type: 'string', default: '200000' },
        kill: { type: 'string', default: '0' },
        seed: { type: 'string', default: '1' },
        break: { type: 'string' },
        driver: { type: 'string', default: 'node-rdkafka' },
        'timeout-s': { type: 'string', default: '300' },
        json: { type: 'boolean', default: false },
      },
    });
    const { data, driver, json } = values;
    if (data === undefined) return '--data is missing';
    const payments = { file: join(data, 'handbook/transactions.csv.gz'), rows: whole('payments', values.payments) };
    const clicks = { file: join(data, 'globo/clicks.csv.gz'), rows: whole('clicks', values.clicks) };
    const absent = [payments, clicks].find(({ file, rows }) => rows > 0 && !existsSync(file));
    if (absent) return `${absent.file} does not exist`;
    if (driver !== 'node-rdkafka' && driver !== 'confluent') return `--driver ${driver}: node-rdkafka or confluent`;
    if (values.break !== undefined && values.break !== 'fold')
      return `--break ${values.break}: only fold can be broken`;
    return {
      payments,
      ...(clicks.rows > 0 && { clicks }),
      driver,
      kills: whole('kill', values.kill),
      seed: whole('seed', values.seed),
      isFoldBroken: values.break === 'fold',
      timeoutMs: whole('timeout-s', values['timeout-s']) * 1_000,
      say: json ? () => {} : (line) => void process.stderr.write(`${line}\n`),
    };
  } catch (error) {
    return (error as Error).message;
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} must be a whole number`);
  return Number(text);
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`verify:journey failed: ${error.message}\n`);
  return 1;
});
