import { benchState } from './bounded-state.ts';
import { benchFraud } from './fraud/fraud.ts';
import { benchIdle } from './idle.ts';
import { benchWindows } from './windows/windows.ts';

// `npm run bench -- <name> [options] --json`: one benchmark; its last line is one JSON object.
const benches: Readonly<Record<string, (args: readonly string[]) => Promise<unknown>>> = {
  idle: benchIdle,
  fraud: benchFraud,
  windows: benchWindows,
  state: benchState,
};
const usage = `usage: npm run bench -- NAME [options] [--json]
  idle [--seconds S] [--window-s W] [--rate R]
        what npm start costs with the demo shop: CPU and memory of all its processes, after S seconds (300), over W seconds (60),
        at R events a second (200)
  windows [--events N] [--keys K] [--dedupe IDS] [--reader direct|client] [--sender direct|client] [--peers DIR] [--node BINARY]
        tumbling 10 s count and sum by key, from Kafka to a result topic, beside the bare loop and, from DIR, Flink and Kafka Streams
  fraud [--payments N] [--cards C] [--in-process]
        full decisions by 20 rules, from bytes at hand and from Kafka, and where each microsecond goes
  state [KEYS]
        what ten million keys (or so many) do to state that holds 100,000: expiries, refusals, memory
  --json  nothing but the last line`;

const [name = '', ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench) {
  process.stdout.write(`${JSON.stringify(await bench(args))}\n`);
} else {
  process.stderr.write(`no benchmark ${name === '' ? 'was named' : `"${name}"`}\n${usage}\n`);
  process.exitCode = 2;
}
