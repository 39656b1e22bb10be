// A thousand viewers, each pushed ten messages of a kilobyte a second, by the process that also folds 5,000 payments a second: how long until
// they have it, what memory it takes, and whether one viewer that stops reading moves the others.
import { parseArgs } from 'node:util';
import { foldOf } from '../../cli/start/fold-of.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import { resultTopics } from '../../events/topics.ts';
import type { WindowResult } from '../../events/results.ts';
import { createServer } from '../../server/server.ts';
import { testWindow } from '../../sinks/clickhouse/testbed-suite.ts';
import { createLiveGateway } from '../../sinks/websocket/gateway.ts';
import { createMemorySource, type MemorySource } from '../../sources/memory.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import type { Fold } from '../../tasks/contract.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { clockMsOf, seededPayments } from '../fraud/payments.ts';
import { runMeasured } from '../measured-process.ts';
import { rounded, secondsOf } from '../meter.ts';
import type { ViewersResult, ViewersSetup } from './viewers.ts';

export interface LiveResult extends ViewersResult {
  readonly bench: 'live';
  readonly sockets: number;
  readonly eventsPerSecond: number;
  /** Resident memory at its highest above what the process had without viewers. Goal: at most 250. */
  readonly rssGrownMb: number;
  readonly coreShare: number;
  /** p99 after one froze over p99 before. */
  readonly ratios: { readonly frozen: number };
  /** p99 of both halves: at most 250 ms. */
  readonly isWithinGoal: boolean;
  readonly node: string;
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
  const { source, gateway, server } = await openGateway();
  let peakBytes = 0;
  try {
    await systemClock.sleep(3_000);
    const baseBytes = process.memoryUsage.rss();
    const watch = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), 50);
    const before = process.cpuUsage();
    const [startedMs, eventsBefore] = [performance.now(), folded.events];
    const pushing = pushSteadily(source, stopping.signal);
    const setup: ViewersSetup = {
      ...{ url: `${server.url().replace('http', 'ws')}/v1/live`, sockets, halfSeconds: seconds / 2 },
    };
    const viewers = await runMeasured<ViewersResult>({ file: 'live/viewers.ts', setup });
    clearInterval(watch);
    const wallSeconds = (performance.now() - startedMs) / 1_000;
    const coreShare = rounded(secondsOf(process.cpuUsage(before)) / wallSeconds);
    const perSecond = Math.round((folded.events - eventsBefore) / wallSeconds);
    stopping.abort();
    await Promise.all([pushing, folding]);
    const rssGrownMb = Math.round((peakBytes - baseBytes) / 1e6);
    const p99Ms = Math.max(viewers.before.p99Ms, viewers.after.p99Ms);
    return {
      ...{ bench: 'live', sockets, eventsPerSecond: perSecond, ...viewers, rssGrownMb, coreShare },
      ratios: { frozen: rounded(viewers.after.p99Ms / viewers.before.p99Ms) },
      isWithinGoal: p99Ms <= goal.p99Ms && rssGrownMb <= goal.rssGrownMb,
      node: process.version,
    };
  } finally {
    stopping.abort();
    await gateway.drain();
    await server.drain();
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
async function pushSteadily(source: MemorySource, signal: AbortSignal): Promise<void> {
  const note = 'x'.repeat(valueBytes);
  for (let i = 1; !signal.aborted; i++) {
    const row = { ...testWindow(i), clockMs: Date.now() };
    const value = { ...row, values: { ...row.values, note } } as unknown as WindowResult;
    source.append({ topic: resultTopics.windows, partition: 0 }, [{ key: row.key, value: JSON.stringify(value) }]);
    if (i % 100 === 0) source.trim({ topic: resultTopics.windows, partition: 0 }, BigInt(i - 50));
    await systemClock.sleep(pushEveryMs);
  }
}

async function openGateway() {
  const common = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };
  const authenticate = () =>
    ({ kind: 'ok', principal: { subject: 'anonymous', expiresMs: null, channels: null } }) as const;
  const source = createMemorySource();
  for (const topic of Object.values(resultTopics)) source.append({ topic, partition: 0 }, []);
  const gateway = createLiveGateway({
    ...{ reader: source.reader(), pipelines: ['revenue'], authenticate, instance: 'bench', random: Math.random },
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
  return { source, gateway, server };
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
