// `npm run verify:chaos -- --minutes 5 --seed S`: whatever can fail fails at random on a real broker with three instances. The last line is JSON.
import { brokerJars } from '../kafka/jars.ts';
import { endVerify, readFlags, rigFlags, rigOf, say } from '../verify-flags.ts';
import { runChaos } from './chaos.ts';

/** What it may take beside the chaos: to start, to fold what is left, to compare. */
const aroundMs = 10 * 60_000;

const flags = readFlags('verify:chaos', {
  minutes: ['M', 'how long things go wrong', '5'],
  shards: ['N', 'tasks that the three instances share, 1 to 4', '4'],
  ...rigFlags,
});
const forMs = Number(flags.minutes) * 60_000;
const rig = rigOf(flags);
const jars = brokerJars();
if (jars.kind === 'missing') {
  console.log(`skipped: ${jars.reason}`);
  process.exit(0);
}
say(`seed ${rig.seed}`);
const options = { ...rig, forMs, shards: Number(flags.shards), timeoutMs: forMs + aroundMs, say };
const outcome = await runChaos(options).catch((error: Error) => {
  say(error.message);
  endVerify(1);
});
const { events, missing, extra, different, faults, windows, webhooks, wrong, examples } = outcome;
for (const one of [...wrong, ...examples]) say(one);
say(`${windows} windows compared, ${webhooks?.ids ?? 0} webhooks, ${webhooks?.repeats ?? 0} of them again`);
console.log(JSON.stringify({ events, missing, extra, different, faults }));
endVerify(missing + extra + different + wrong.length === 0 && windows > 0 ? 0 : 1);
