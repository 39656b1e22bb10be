// `npm run verify:crash -- --events 1000000 --kills 50`: see CONTRIBUTING.md. The last line is JSON.
import { parseArgs } from 'node:util';
import { chooseBroker } from './rig.ts';
import { runCrash } from './run-crash.ts';

const usage = `usage: npm run verify:crash -- [options]
  --events N        numbered events (default 1000000)
  --kills K         how often (default 50)
  --kill WHOM       service (default) or clickhouse: whom kill -9 is for
  --failpoints all  instead: the service kills itself at each failpoint, once a seed
  --seeds S         rounds of failpoints (default 20)
  --seed S          of events and moments (default 1)
  --broker KIND     real or embedded; the real one where it can be had
  --driver D        node-rdkafka (default) or confluent
  --reader R        client (default) or direct
  --minutes M       give up after (default 15)`;

const { values: flags } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    kills: { type: 'string', default: '50' },
    kill: { type: 'string', default: 'service' },
    failpoints: { type: 'string' },
    seeds: { type: 'string', default: '20' },
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
const outcome = await runCrash({
  events: Number(flags.events),
  victim: flags.failpoints ? 'failpoints' : flags.kill === 'clickhouse' ? 'clickhouse' : 'service',
  kills: Number(flags.failpoints ? flags.seeds : flags.kills),
  seed: Number(flags.seed),
  broker: chooseBroker(flags.broker, say),
  driver: flags.driver === 'confluent' ? 'confluent' : 'node-rdkafka',
  reader: flags.reader === 'direct' ? 'direct' : 'client',
  // Deaths beside snapshots need snapshots.
  ...(flags.failpoints && { env: { MILLRACE_SNAPSHOTS_EVERY_MS: '300' } }),
  timeoutMs: Number(flags.minutes) * 60_000,
  say,
});
const { windows, missing, extra, different, kills, elapsedMs, examples } = outcome;
for (const example of examples) say(example);
say(`took ${Math.round(elapsedMs / 1_000)} s`);
console.log(JSON.stringify({ windows, missing, extra, different, kills }));
process.exit(missing + extra + different === 0 && windows > 0 ? 0 : 1);
