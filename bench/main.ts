import { benchBounded } from './state/bounded.ts';
import { benchState } from './state/state.ts';
import { benchClickHouse } from './clickhouse.ts';
import { benchConsume } from './consume/consume.ts';
import { benchFraud } from './fraud/fraud.ts';
import { benchGate } from './gate.ts';
import { benchGrowth } from './growth.ts';
import { benchIdle } from './idle.ts';
import { benchLatency } from './latency/latency.ts';
import { benchLive } from './live/live.ts';
import type { BenchResult } from './meter.ts';
import { benchNexmark } from './nexmark/nexmark.ts';
import { benchRecommend } from './recommend/recommend.ts';
import { benchStart } from './start.ts';
import { benchWindows } from './windows/windows.ts';

// `npm run bench -- <name> [options] --json`: one benchmark; its last line is one JSON object.
const benches: Readonly<Record<string, (args: readonly string[]) => Promise<BenchResult>>> = {
  idle: benchIdle,
  fraud: benchFraud,
  consume: benchConsume,
  start: benchStart,
  clickhouse: benchClickHouse,
  recommend: benchRecommend,
  live: benchLive,
  latency: benchLatency,
  nexmark: benchNexmark,
  gate: benchGate,
  growth: benchGrowth,
  windows: benchWindows,
  state: benchState,
  bounded: benchBounded,
};
const usage = `usage: npm run bench -- NAME [options] [--json]
  idle [--seconds S] [--window-s W] [--rate R]
        what npm start costs with the demo shop: CPU and memory of all its processes, after S seconds (300), over W seconds (60),
        at R events a second (200)
  windows [--events N] [--keys K] [--dedupe IDS] [--reader direct|client] [--sender direct|client] [--peers DIR] [--node BINARY]
        tumbling 10 s count and sum by key, from Kafka to a result topic, beside the bare loop and, from DIR, Flink and Kafka Streams
  fraud [--payments N] [--cards C] [--in-process]
        full decisions by 20 rules, from bytes at hand and from Kafka, and where each microsecond goes
  consume [--events N]
        reading alone, with JSON.parse and with the decode stage: each client package, and our Fetch requests
  start [--runs N]
        how long until npm start shows something
  clickhouse [--rows N] [--rounds R] [--url URL]
        the sink's rows a second beside the bare client's
  recommend [--clicks N] [--items I] [--users U] [--requests R] [--rate PER_SECOND]
        what one more interaction costs, and how long a visitor waits for a list
  latency [--seconds T] [--sustained PER_SECOND] [--processes one|apart]
        from a payment to its decision, webhook and browser frame, at half and four fifths of the sustained rate
  live [--sockets S] [--seconds T] [--events PER_SECOND]
        a thousand pushed viewers beside a busy fold, one of them frozen
  nexmark [--events N] [--check N] [--queries q0,q5,…]
        ten queries of Nexmark, each held against an oracle, then timed
  gate  ratios with bounds, as .ci/run asks for them; exit 1 below one
  growth [--events N] [--payments N]
        what an event costs at 1, 10 and 100 times the keys (of the same events, and of as many events each), over 1, 2 and 4
        partitions, in 1 and 2 processes
  state [--keys N] [--payments PER_KEY]
        bytes a key of a velocity over three windows and of fraud's features, snapshot and restore in MB a second
  bounded [--keys N]
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
