// `npm run verify:outage -- --seconds 60 --rate 5000`: see CONTRIBUTING.md. The last line is JSON.
import { parseArgs } from 'node:util';
import { chooseBroker } from '../crash/rig.ts';
import { runOutage } from './run-outage.ts';

const usage = `usage: npm run verify:outage -- [options]
  --seconds S       how long ClickHouse is away, its process stopped (default 60)
  --rate N          events a second, before, meanwhile and after (default 5000)
  --rss-limit MB    the service may have at most so much resident memory (default 384)
  --seed S          of the events (default 1)
  --broker KIND     real or embedded; the real one where it can be had (the embedded one makes producers wait)
  --driver D        node-rdkafka (default) or confluent
  --reader R        client (default) or direct
  --minutes M       give up after (default 15)`;

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '5000' },
    'rss-limit': { type: 'string', default: '384' },
    seed: { type: 'string', default: '1' },
    broker: { type: 'string' },
    driver: { type: 'string', default: 'node-rdkafka' },
    reader: { type: 'string', default: 'client' },
    minutes: { type: 'string', default: '15' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(usage);
  process.exit(0);
}

const say = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
const rssLimitMb = Number(flags['rss-limit']);
const { sent, missing, extra, windows, sentInOutage, rssPeakMb, examples } = await runOutage({
  seconds: Number(flags.seconds),
  ratePerSecond: Number(flags.rate),
  seed: Number(flags.seed),
  broker: chooseBroker(flags.broker, say),
  driver: flags.driver === 'confluent' ? 'confluent' : 'node-rdkafka',
  reader: flags.reader === 'direct' ? 'direct' : 'client',
  timeoutMs: Number(flags.minutes) * 60_000,
  say,
});
for (const example of examples) say(example);
console.log(JSON.stringify({ sent, missing, extra, windows, sentInOutage, rssPeakMb, rssLimitMb }));
process.exit(missing + extra === 0 && sentInOutage > 0 && windows > 0 && rssPeakMb <= rssLimitMb ? 0 : 1);
