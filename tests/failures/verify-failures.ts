// `npm run verify:failures [-- --only NAME]`: real failures on a real broker, each with every row against the oracle. The last line is JSON.
import { parseArgs } from 'node:util';
import { brokerJars } from '../kafka/jars.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios.ts';

const usage = `usage: npm run verify:failures -- [options]
  --only NAME  one of ${scenarios.map(({ name }) => name).join(', ')}
  --scale S    so much of the rounds and times of the whole run (default 1)
  --seed S     of events and moments (default 1)
  --reader R   client (default) or direct
  --minutes M  give a scenario up after (default 20)`;

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    reader: { type: 'string', default: 'client' },
    minutes: { type: 'string', default: '20' },
    help: { type: 'boolean', default: false },
  },
});
const chosen = scenarios.filter(({ name }) => flags.only === undefined || name === flags.only);
if (flags.help || chosen.length === 0) {
  console.log(usage);
  process.exit(flags.help ? 0 : 2);
}
const jars = brokerJars();
if (jars.kind === 'missing') {
  console.log(`skipped: ${jars.reason}`);
  process.exit(0);
}

const say = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
const total = { missing: 0, extra: 0, different: 0, failures: 0, failed: 0 };
for (const scenario of chosen) {
  say(`== ${scenario.name}`);
  const outcome = await runScenario(scenario, {
    scale: Number(flags.scale),
    seed: Number(flags.seed),
    reader: flags.reader === 'direct' ? 'direct' : 'client',
    timeoutMs: Number(flags.minutes) * 60_000,
    say,
  }).catch((error: Error) => {
    say(error.message);
    return null;
  });
  total.failures += 1;
  if (outcome === null || outcome.faults.length > 0) total.failed += 1;
  for (const kind of ['missing', 'extra', 'different'] as const) total[kind] += outcome?.[kind] ?? 0;
  console.log(JSON.stringify(outcome ?? { name: scenario.name, failed: true }));
}
console.log(JSON.stringify(total));
process.exit(total.missing + total.extra + total.different + total.failed === 0 ? 0 : 1);
