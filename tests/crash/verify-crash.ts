// `npm run verify:crash -- --events 1000000 --kills 50`: see CONTRIBUTING.md. The last line is JSON.
import { brokerFlag, endVerify, oneOf, readFlags, rigFlags, rigOf, say } from '../verify-flags.ts';
import { chooseBroker } from './rig.ts';
import { runCrash } from './run-crash.ts';

const flags = readFlags('verify:crash', {
  events: ['N', 'numbered events', '1000000'],
  kills: ['K', 'how often', '50'],
  kill: ['WHOM', 'service or clickhouse: whom kill -9 is for', 'service'],
  failpoints: ['all', 'instead: the service kills itself at each failpoint, once a seed'],
  seeds: ['S', 'rounds of failpoints', '20'],
  broker: brokerFlag,
  ...rigFlags,
  minutes: ['M', 'give up after', '15'],
});
const hasFailpoints = flags.failpoints !== '';
const outcome = await runCrash({
  ...rigOf(flags),
  events: Number(flags.events),
  victim: hasFailpoints ? 'failpoints' : oneOf('kill', flags.kill, ['service', 'clickhouse']),
  kills: Number(hasFailpoints ? flags.seeds : flags.kills),
  broker: chooseBroker(oneOf('broker', flags.broker, ['', 'real', 'embedded']), say),
  // Deaths beside snapshots need snapshots.
  ...(hasFailpoints && { env: { MILLRACE_SNAPSHOTS_EVERY_MS: '300' } }),
  timeoutMs: Number(flags.minutes) * 60_000,
  say,
}).catch((error: Error) => {
  say(error.message);
  endVerify(1);
});
const { windows, missing, extra, different, kills, elapsedMs, examples } = outcome;
for (const example of examples) say(example);
say(`took ${Math.round(elapsedMs / 1_000)} s`);
console.log(JSON.stringify({ windows, missing, extra, different, kills }));
endVerify(missing + extra + different === 0 && windows > 0 ? 0 : 1);
