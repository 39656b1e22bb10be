// `npm run verify:failures [-- --only NAME]`: real failures on a real broker, each with every row against the oracle. The last line is JSON.
import { brokerJars } from '../kafka/jars.ts';
import { endVerify, oneOf, readFlags, rigFlags, rigOf, say } from '../verify-flags.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

const names = scenarios.map(({ name }) => name);
const flags = readFlags('verify:failures', {
  only: ['NAME', `one of ${names.join(', ')}`],
  scale: ['S', 'so much of the rounds and times of the whole run', '1'],
  ...rigFlags,
  minutes: ['M', 'give a scenario up after so long (drains: after so long without one)', '20'],
});
const only = flags.only === '' ? null : oneOf('only', flags.only, names);
const chosen = scenarios.filter(({ name }) => only === null || name === only);
const rig = rigOf(flags);
const jars = brokerJars();
if (jars.kind === 'missing') {
  console.log(`skipped: ${jars.reason}`);
  process.exit(0);
}

const total = { missing: 0, extra: 0, different: 0, failures: 0, failed: 0 };
for (const scenario of chosen) {
  say(`== ${scenario.name}`);
  const options = { ...rig, scale: Number(flags.scale), timeoutMs: Number(flags.minutes) * 60_000, say };
  const outcome = await runScenario(scenario, options).catch((error: Error) => {
    say(error.message);
    return null;
  });
  total.failures += 1;
  if (outcome === null || outcome.faults.length > 0) total.failed += 1;
  for (const kind of ['missing', 'extra', 'different'] as const) total[kind] += outcome?.[kind] ?? 0;
  console.log(JSON.stringify(outcome ?? { name: scenario.name, failed: true }));
}
console.log(JSON.stringify(total));
endVerify(total.missing + total.extra + total.different + total.failed === 0 ? 0 : 1);
