// Recommendations at a million items and 100,000 users: what one more interaction costs, and how long a visitor waits for
// GET /v1/recommendations, whose lists are in ClickHouse and, the newest ones, in the live gateway, each answer recorded on its topic.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { newestListOf } from '../../cli/start/newest-list.ts';
import { resultTopics } from '../../events/topics.ts';
import { createServer } from '../../server/server.ts';
import { createClickHouseSink } from '../../sinks/clickhouse/sink.ts';
import { storedLists } from '../../sinks/clickhouse/stored-lists.ts';
import {
  createTestMembership,
  startTestClickHouse,
  type TestClickHouse,
} from '../../sinks/clickhouse/testbed-suite.ts';
import { createLiveGateway, type LiveGateway } from '../../sinks/websocket/gateway.ts';
import type { StoredLists } from '../../sinks/websocket/recommendation-channels.ts';
import { withKnownCounts } from '../../sources/http/known-counts.ts';
import { recommendationsRoute } from '../../sources/http/recommendations-route.ts';
import { createMemorySource } from '../../sources/memory.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { recordBatches, sourceOfBatches, type HeldRecord } from '../batch-source.ts';
import { type BenchBroker, openBroker, startWarmBroker } from '../broker.ts';
import { runMeasured } from '../measured-process.ts';
import { peakRssMb, rounded } from '../meter.ts';
import type { ClicksOptions } from './clicks.ts';
import { foldClicks, type Folded } from './fold-clicks.ts';
import type { LoadResult, LoadSetup } from './load.ts';

export interface RecommendResult extends Omit<Folded, 'lists'> {
  readonly bench: 'recommend';
  readonly broker: string;
  readonly items: number;
  readonly users: number;
  readonly storedLists: number;
  /** From the start of the live gateway until it holds what is stored: until then some answers are ClickHouse's. */
  readonly loadMs: number;
  /** From when a request was due to the whole answer. Goal of p99: at most 5. */
  readonly request: LoadResult & { readonly perSecond: number };
  /** One more interaction in the last quarter over one of the whole run: what it costs that there is much to look at; and p99 over p50 of a request. */
  readonly ratios: { readonly update: number; readonly request: number };
  readonly isWithinGoal: boolean;
}

const goalMs = 5;
const database = 'millrace';
const place = { topic: resultTopics.recommendations, partition: 0 };

export async function benchRecommend(args: readonly string[]): Promise<RecommendResult> {
  const { clicks, items, users, requests, perSecond, say } = optionsOf(args);
  say(`folding ${clicks} interactions with ${items} items by ${users} users`);
  const { lists, ...folded } = await foldClicks({ clicks, items, users });
  say(`storing ${lists.length} lists`);
  const broker = await startWarmBroker();
  const clickhouse = await startTestClickHouse();
  try {
    await store(clickhouse, lists);
    const { loadMs, ...request } = await serve(clickhouse, broker, lists, (url) => {
      say(`${requests} requests, ${perSecond} a second`);
      const setup: LoadSetup = { url, users, requests, perSecond };
      return runMeasured<LoadResult>({ file: 'recommend/load.ts', setup });
    });
    return {
      ...{ bench: 'recommend', broker: broker.name, items, users },
      ...folded,
      ...{
        storedLists: lists.length,
        loadMs,
        request: { ...request, perSecond },
        isWithinGoal: request.p99Ms <= goalMs,
      },
      ratios: {
        update: rounded((folded.updateMicroseconds * folded.eventsPerCpuSecond) / 1e6),
        request: rounded(request.p99Ms / request.p50Ms),
      },
      peakRssMb: peakRssMb(),
    };
  } finally {
    await clickhouse.stop();
    await broker.stop();
  }
}

async function store({ client }: TestClickHouse, lists: readonly HeldRecord[]): Promise<void> {
  const sink = createClickHouseSink({
    ...{ client, database, reader: sourceOfBatches(recordBatches(place, lists)) },
    membership: createTestMembership([place]),
    topics: { inputs: [], orders: [], results: [place.topic] },
    ...{ epoch: 1, clock: systemClock, logger: silentLogger, metrics: createMetrics() },
  });
  await sink.start();
  while (sink.status().insertedRows < lists.length) await systemClock.sleep(10);
  await sink.drain();
}

/** The gateway and the HTTP server as `npm start` builds them, over the lists that came last. */
async function serve(
  { client }: TestClickHouse,
  { brokers, isEmbedded }: BenchBroker,
  lists: readonly HeldRecord[],
  ask: (url: string) => Promise<LoadResult>,
): Promise<LoadResult & { readonly loadMs: number }> {
  const common = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };
  const kafka = await openBroker({ brokers, isEmbedded, sender: 'direct' });
  const producer = withKnownCounts(await kafka.producer(), systemClock);
  const source = createMemorySource();
  source.append(place, lists.slice(-2_000));
  const stored: StoredLists = (list, of) =>
    storedLists({ client, database }, { pipeline: 'recommendations', version: 1, list, ...of });
  const gateway = gatewayOver(source.reader(), stored, common);
  await gateway.start();
  const server = await createServer({
    ...{
      host: '127.0.0.1',
      port: 0,
      hasCredentials: false,
      allowedHosts: [],
      allowedOrigins: [],
      bodyBytesMax: 65_536,
    },
    authenticate: () => ({ kind: 'ok', principal: { subject: 'anonymous', expiresMs: null, channels: null } }),
    ...{ version: 'bench', pageDir: '', readiness: () => [], stalled: () => [], live: () => null },
    routes: [
      recommendationsRoute({ newestList: newestListOf(() => gateway, stored), producer, newId: randomUUID, ...common }),
    ],
    ...common,
  });
  await server.start();
  const startedMs = performance.now();
  while (gateway.heldList('personal', '') === undefined) await systemClock.sleep(10);
  const loadMs = rounded(performance.now() - startedMs);
  try {
    return { ...(await ask(server.url())), loadMs };
  } finally {
    await server.drain();
    await gateway.drain();
    await kafka.close();
  }
}

type Common = Pick<Parameters<typeof createLiveGateway>[0], 'clock' | 'logger' | 'metrics'>;

function gatewayOver(reader: ReturnType<typeof sourceOfBatches>, stored: StoredLists, common: Common): LiveGateway {
  return createLiveGateway({
    ...{ reader, pipelines: [], committedPositions: async () => [], windowRows: async () => [], storedLists: stored },
    systemStatus: () => ({
      ...{ clockMs: 0, services: [], stages: [], partitions: [], pipelines: [], eventsPerSecond: 0 },
      totals: { deadLetters: 0, late: 0, duplicates: 0, quarantined: 0 },
    }),
    authenticate: () => ({ kind: 'ok', principal: { subject: 'anonymous', expiresMs: null, channels: null } }),
    ...{ instance: 'bench', random: Math.random },
    ...common,
  });
}

function optionsOf(args: readonly string[]): ClicksOptions & {
  readonly requests: number;
  readonly perSecond: number;
  readonly say: (line: string) => void;
} {
  const { values } = parseArgs({
    args: [...args],
    options: {
      clicks: { type: 'string', default: '2000000' },
      items: { type: 'string', default: '1000000' },
      users: { type: 'string', default: '100000' },
      requests: { type: 'string', default: '5000' },
      rate: { type: 'string', default: '100' },
      json: { type: 'boolean', default: false },
    },
  });
  const say = values.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
  const [clicks, items, users] = [Number(values.clicks), Number(values.items), Number(values.users)];
  return { clicks, items, users, requests: Number(values.requests), perSecond: Number(values.rate), say };
}
