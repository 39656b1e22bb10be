import { batch } from '@preact/signals';
import { createLiveClient, type LiveClient, type LiveStatus } from '../live/client.ts';
import type { DecisionCounts, DecisionLine, LiveRow, ParamsOf, RowOf } from '../live/messages.ts';
import type { SystemStatus } from '../live/system-status.ts';
import { credential } from './credential.ts';
import { followDeliveries } from './deliveries-feed.ts';
import { oncePerFrame } from './frame.ts';
import * as model from './model.ts';
import { followPredictions } from './predictions-feed.ts';
import { followRecommendations } from './recommendations-feed.ts';
import { countryMinuteOutput } from './revenue-row.ts';
import { storedHistory } from './stored-history.ts';
import { revenuePipeline } from './system-facts.ts';
import { createWindowRows } from './window-rows.ts';

/** How much of the revenue chart is asked for and kept. */
const windowsMs = 60 * 60_000;
const statusLine = { spanMs: 5 * 60_000, gapMs: 3_500 }; // a status comes every second

const rows = createWindowRows({ keepMs: windowsMs, rowsMax: 20_000 });
const rates = storedHistory('rate', statusLine);
const behinds = storedHistory('behind', statusLine);
let client: LiveClient | undefined;
let status: SystemStatus | null = null;
let areWindowsDirty = false;
/** Channels that changed since the last frame, and how each is read into the model. */
const changed = new Map<string, () => void>();

/**
 * Connects to `/v1/live` of the server that the page came from and keeps the model at what it pushes. Messages change plain values; the signals
 * follow at most once a frame, so that no rate of messages makes the page draw more often than it can be seen. Called again, it starts
 * over with the credential of then.
 */
export function startLiveFeed(): void {
  client?.close();
  const opened = createLiveClient({
    url: new URL('v1/live', location.href.replace(/^http/, 'ws').replace(/[?#].*$/, '')).href,
    connect: (url) => new WebSocket(url),
    credential,
    random: Math.random,
  });
  client = opened;
  subscribeAll(opened);
  followPredictions(opened);
  followRecommendations(opened);
  followDeliveries(opened);
  opened.onStatus(followConnection);
  followConnection(opened.status());
}

function subscribeAll(live: LiveClient): void {
  // A channel that this server does not have leaves its part of the page empty; the rest goes on.
  const windows = live.subscribe(
    'windows:revenue',
    { outputs: [countryMinuteOutput], lastMs: windowsMs },
    (update) => {
      if (update.kind === 'snapshot') rows.takeSnapshot(update.rows);
      else {
        for (const row of update.rows) rows.apply(row);
        rows.remove(update.expired);
      }
      areWindowsDirty = true;
      publish();
    },
    () => windows.close(),
  );
  const system = live.subscribe(
    'system',
    {},
    (update) => {
      for (const { row } of update.rows) takeStatus(row);
      publish();
    },
    () => system.close(),
  );
  follow(live, 'problems', (all) => (model.problems.value = all));
  follow(live, 'alerts', (all) => (model.alerts.value = all));
  follow(live, 'decisions', (all) => (model.decisions.value = decisionsOf(all)));
}

/** Reads all rows of a channel into the model, on the next frame after each change. */
function follow<Channel extends 'problems' | 'alerts' | 'decisions'>(
  live: LiveClient,
  channel: Channel,
  into: (all: readonly LiveRow<RowOf<Channel>>[]) => void,
): void {
  const subscription = live.subscribe(
    channel,
    {} as ParamsOf<Channel>,
    () => {
      changed.set(channel, () => into([...subscription.rows().values()]));
      publish();
    },
    () => subscription.close(),
  );
}

function decisionsOf(held: readonly LiveRow<DecisionCounts | DecisionLine>[]): typeof model.decisions.value {
  const all = held.map(({ row }) => row);
  return {
    counts: all.find((row) => row.kind === 'counts') ?? null,
    lines: all.filter((row) => row.kind === 'decision-line').toSorted(newestDecisionFirst),
  };
}

const newestDecisionFirst = (a: DecisionLine, b: DecisionLine): number =>
  b.clockMs - a.clockMs || b.producer.index - a.producer.index;

function takeStatus(next: SystemStatus): void {
  status = next;
  rates.add(next.clockMs, next.eventsPerSecond);
  const watermarkMs = revenuePipeline(next)?.watermarkMs ?? null;
  if (watermarkMs !== null) behinds.add(next.clockMs, Math.max(0, next.clockMs - watermarkMs));
}

const publish = oncePerFrame(() =>
  batch(() => {
    model.system.value = status;
    model.rateHistory.value = rates.points();
    model.behindHistory.value = behinds.points();
    for (const read of changed.values()) read();
    changed.clear();
    if (areWindowsDirty) {
      model.windows.value = rows.live();
      model.missingSpans.value = rows.missing();
      areWindowsDirty = false;
    }
    if (client) followConnection(client.status());
  }),
);

function followConnection(live: LiveStatus): void {
  const before = model.connection.value;
  const phase = phaseOf(live, before.wasLive);
  const { detail, reconnects, resyncs, messages, channels } = live;
  model.connection.value = {
    ...{ phase, detail, reconnects, resyncs, messages, channels },
    sinceMs: phase === before.phase ? before.sinceMs : Date.now(),
    wasLive: before.wasLive || phase === 'connected',
  };
}

function phaseOf(live: LiveStatus, wasLive: boolean): model.ConnectionView['phase'] {
  if (live.phase === 'closed') return 'refused';
  if (live.phase !== 'connected' || live.waiting === 0) return live.phase;
  return wasLive ? 'resyncing' : 'connecting';
}
