// A thousand viewers, each pushed ten messages of a kilobyte a second, by the process that also folds 5,000 payments a second: how long until
// they have it, what memory it takes, and whether one viewer that stops reading moves the others.
import { parseArgs } from 'node:util';
import { foldOf } from '../../cli/start/fold-of.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import type { Kafka } from '../../kafka/contract.ts';
import { resultTopics } from '../../events/topics.ts';
import type { WindowResult } from '../../events/results.ts';
import { createServer } from '../../server/server.ts';
import { testWindow } from '../../sinks/clickhouse/testbed-suite.ts';
import { createLiveGateway } from '../../sinks/websocket/gateway.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import type { Fold } from '../../tasks/contract.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { clockMsOf, seededPayments } from '../fraud/payments.ts';
import { openBroker, startBroker } from '../broker.ts';
import { runMeasured } from '../measured-process.ts';
import { type Measured, Meter, rounded } from '../meter.ts';
import type { ViewersResult, ViewersSetup } from './viewers.ts';

/** Its own figures are those of the process that has the gateway: events are what it folded while the viewers were there. */
export interface LiveResult extends ViewersResult, Measured {
  readonly bench: 'live';
  /** The rows that are pushed come from its topics; what is folded beside them is at hand as bytes. */
  readonly broker: string;
  readonly sockets: number;
  readonly eventsPerSecond: number;
  /** Resident memory at its highest above what the process had without viewers. Goal: at most 250. */
  readonly rssGrownMb: number;
  readonly coreShare: number;
  /** p99 after one froze over p99 before. */
  readonly ratios: { readonly frozen: number };
  /** p99 of both halves: at most 250 ms. */
  readonly isWithinGoal: boolean;
}

const goal = { p99Ms: 250, rssGrownMb: 250 };
const pushEveryMs = 100;
const foldEveryMs = 20;
const valueBytes = 600;

export async function benchLive(args: readonly string[]): Promise<LiveResult> {
  const { sockets, seconds, eventsPerSecond } = optionsOf(args);
  const stopping = new AbortController();
  const folded = { events: 0 };
  const folding = foldSteadily(eventsPerSecond, folded, stopping.signal);
  const broker = await startBroker();
  const kafka = await openBroker(broker);
  const { gateway, server, push } = await openGateway(kafka);
  let peakBytes = 0;
  try {
    await systemClock.sleep(3_000);
    const baseBytes = process.memoryUsage.rss();
    const meter = new Meter(eventsPerSecond * seconds);
    meter.begin();
    const eventsBefore = folded.events;
    const watch = setInterval(() => {
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
      meter.done(folded.events - eventsBefore);
    }, 50);
    const pushing = pushSteadily(push, stopping.signal);
    const setup: ViewersSetup = {
      ...{ url: `${server.url().replace('http', 'ws')}/v1/live`, sockets, halfSeconds: seconds / 2 },
    };
    const viewers = await runMeasured<ViewersResult>({ file: 'live/viewers.ts', setup });
    clearInterval(watch);
    const measured = meter.end(folded.events - eventsBefore);
    const coreShare = rounded(measured.cpuSeconds / measured.wallSeconds);
    const perSecond = Math.round(measured.events / measured.wallSeconds);
    stopping.abort();
    await Promise.all([pushing, folding]);
    const rssGrownMb = Math.round((peakBytes - baseBytes) / 1e6);
    const p99Ms = Math.max(viewers.before.p99Ms, viewers.after.p99Ms);
    return {
      ...{ bench: 'live', broker: broker.name, ...measured, sockets, eventsPerSecond: perSecond },
      ...{ ...viewers, rssGrownMb, coreShare },
      ratios: { frozen: rounded(viewers.after.p99Ms / viewers.before.p99Ms) },
      isWithinGoal: p99Ms <= goal.p99Ms && rssGrownMb <= goal.rssGrownMb,
    };
  } finally {
    stopping.abort();
    await gateway.drain();
    await server.drain();
    await kafka.close();
    await broker.stop();
  }
}

/** The revenue and fraud pipelines, in entries of a hundred payments or so, from bytes. */
async function foldSteadily(perSecond: number, folded: { events: number }, signal: AbortSignal): Promise<void> {
  const config = loadConfig({ file: undefined, env: {}, checkSecrets: false });
  const folds = processorsOf(config)
    .filter(({ name }) => name === 'revenue' || name === 'fraud')
    .map((processor): Fold => foldOf({ config, env: {}, isEmbeddedBroker: false }, processor, 0));
  const log = new EntryLog();
  const payments = seededPayments({ payments: Infinity, cards: 10_000 });
  const startedMs = performance.now();
  while (!signal.aborted) {
    const due = Math.floor(((performance.now() - startedMs) * perSecond) / 1_000);
    const records = Array.from({ length: Math.min(1_000, due - folded.events) }, () => {
      const { value } = payments.next();
      return { key: value?.key ?? '', value: value ?? null };
    });
    folded.events += records.length;
    const entry = log.append({ clockMs: clockMsOf(folded.events), records });
    for (const fold of folds) fold.fold(entry);
    await systemClock.sleep(foldEveryMs);
  }
}

/** A row of a kilobyte, ten times a second. */
async function pushSteadily(push: (row: WindowResult) => Promise<unknown>, signal: AbortSignal): Promise<void> {
  const note = 'x'.repeat(valueBytes);
  for (let i = 1; !signal.aborted; i++) {
    const row = { ...testWindow(i), clockMs: Date.now() };
    await push({ ...row, values: { ...row.values, note } } as unknown as WindowResult);
    await systemClock.sleep(pushEveryMs);
  }
}

async function openGateway(kafka: Kafka) {
  const common = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };
  const authenticate = () =>
    ({ kind: 'ok', principal: { subject: 'anonymous', expiresMs: null, channels: null } }) as const;
  const producer = await kafka.producer();
  for (const topic of Object.values(resultTopics)) await producer.partitionCount(topic);
  const gateway = createLiveGateway({
    ...{
      reader: await kafka.reader({ fetchWaitMs: 100 }),
      pipelines: ['revenue'],
      authenticate,
      instance: 'bench',
      random: Math.random,
    },
    ...{ committedPositions: async () => [], windowRows: async () => [], storedLists: async () => [] },
    systemStatus: () => ({
      ...{ clockMs: 0, services: [], stages: [], partitions: [], pipelines: [], eventsPerSecond: 0 },
      totals: { deadLetters: 0, late: 0, duplicates: 0, quarantined: 0 },
    }),
    ...common,
  });
  await gateway.start();
  const server = await createServer({
    ...{ host: '127.0.0.1', port: 0, authenticate, hasCredentials: false, allowedHosts: [], allowedOrigins: [] },
    ...{ bodyBytesMax: 65_536, version: 'bench', pageDir: '', readiness: () => [], stalled: () => [], routes: [] },
    live: () => gateway.handleUpgrade.bind(gateway),
    ...common,
  });
  await server.start();
  const push = (row: WindowResult): Promise<unknown> =>
    producer.send([
      {
        ...{ topic: resultTopics.windows, partition: 0 },
        ...{ key: Buffer.from(row.key), value: Buffer.from(JSON.stringify(row)) },
      },
    ]);
  return { gateway, server, push };
}

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      sockets: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '40' },
      events: { type: 'string', default: '5000' },
      json: { type: 'boolean', default: false },
    },
  });
  const { sockets, seconds, events } = values;
  return { sockets: Number(sockets), seconds: Number(seconds), eventsPerSecond: Number(events) };
}
