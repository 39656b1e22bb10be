// The visitors of `bench -- recommend`: requests at a steady rate, whether answers come or not, each timed from when it was due. Told
// everything as JSON in its first argument.
import { Agent, get } from 'node:http';
import { systemClock } from '../../telemetry/clock.ts';
import { report, setupOf } from '../measured-process.ts';
import { percentiles } from '../meter.ts';
import { seeded } from '../seeded.ts';

export interface LoadSetup {
  readonly url: string;
  readonly users: number;
  readonly requests: number;
  readonly perSecond: number;
}

export interface LoadResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly count: number;
  /** By status, and by what the answer was made from. */
  readonly answers: Readonly<Record<string, number>>;
}

const { url, users, requests, perSecond } = setupOf<LoadSetup>();
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const random = seeded(3);
const answers: Record<string, number> = {};
const latenciesMs: number[] = [];
/** Connections and code are warm after these; they are not counted. */
const warmUp = Math.min(500, Math.floor(requests / 5));

const ask = (dueMs: number, isCounted: boolean): Promise<void> =>
  new Promise((resolve, reject) => {
    const path = `${url}/v1/recommendations/user-${random(users)}?n=10`;
    get(path, { agent }, (response) => {
      let text = '';
      response.on('data', (data: Buffer) => (text += data.toString()));
      response.on('end', () => {
        if (isCounted) {
          latenciesMs.push(performance.now() - dueMs);
          const { list = 'none', attributionId } = JSON.parse(text) as { list?: string; attributionId?: string | null };
          const name = `${response.statusCode} ${list}${attributionId ? '' : ' unrecorded'}`;
          answers[name] = (answers[name] ?? 0) + 1;
        }
        resolve();
      });
    }).once('error', reject);
  });

const startedMs = performance.now();
const asked: Promise<void>[] = [];
for (let i = 0; i < requests + warmUp; i++) {
  const dueMs = startedMs + (i * 1_000) / perSecond;
  if (dueMs > performance.now()) await systemClock.sleep(Math.max(0, dueMs - performance.now()));
  asked.push(ask(dueMs, i >= warmUp));
}
await Promise.all(asked);
agent.destroy();
report({ ...percentiles(latenciesMs), answers });
