// `npm run verify:outage -- --seconds 60 --rate 5000`: see CONTRIBUTING.md. The last line is JSON.
import { chooseBroker } from '../crash/rig.ts';
import { brokerFlag, endVerify, oneOf, readFlags, rigFlags, rigOf, say } from '../verify-flags.ts';
import { runOutage } from './run-outage.ts';

const flags = readFlags('verify:outage', {
  seconds: ['S', 'how long ClickHouse is away, its process stopped', '60'],
  rate: ['N', 'events a second, before, meanwhile and after', '5000'],
  'rss-limit': ['MB', 'the service may have at most so much resident memory', '384'],
  // The embedded one makes producers wait.
  broker: brokerFlag,
  ...rigFlags,
  minutes: ['M', 'give up after', '15'],
});
const rssLimitMb = Number(flags['rss-limit']);
const { sent, missing, extra, windows, sentInOutage, rssPeakMb, examples } = await runOutage({
  ...rigOf(flags),
  seconds: Number(flags.seconds),
  ratePerSecond: Number(flags.rate),
  broker: chooseBroker(oneOf('broker', flags.broker, ['', 'real', 'embedded']), say),
  timeoutMs: Number(flags.minutes) * 60_000,
  say,
}).catch((error: Error) => {
  say(error.message);
  endVerify(1);
});
for (const example of examples) say(example);
console.log(JSON.stringify({ sent, missing, extra, windows, sentInOutage, rssPeakMb, rssLimitMb }));
endVerify(missing + extra === 0 && sentInOutage > 0 && windows > 0 && rssPeakMb <= rssLimitMb ? 0 : 1);
