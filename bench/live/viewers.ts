// The viewers of `bench -- live`: a thousand sockets in one process, each with the typed client, one of which stops reading half-way.
// Told everything as JSON in its first argument.
import { WebSocket } from 'ws';
import { createLiveClient } from '../../live/client.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { report, setupOf } from '../measured-process.ts';
import { percentiles } from '../meter.ts';

export interface ViewersSetup {
  readonly url: string;
  readonly sockets: number;
  /** Before the one stops reading, and after. */
  readonly halfSeconds: number;
}

type Percentiles = ReturnType<typeof percentiles>;

export interface ViewersResult {
  /** From the row's making to its being known to a viewer. */
  readonly before: Percentiles;
  readonly after: Percentiles;
  /** Of one row, in bytes, as the client has it. */
  readonly rowBytes: number;
  readonly frozenFrames: number;
  readonly messagesPerSocketSecond: number;
}

const { url, sockets, halfSeconds } = setupOf<ViewersSetup>();
const [before, after]: [number[], number[]] = [[], []];
let into: number[] | null = null;
let rowBytes = 0;
const opened: WebSocket[] = [];

const clients = Array.from({ length: sockets }, (_, viewer) => {
  const client = createLiveClient({
    url,
    connect: (to) => {
      const socket = new WebSocket(to, { perMessageDeflate: false });
      opened[viewer] = socket;
      return socket;
    },
    random: Math.random,
  });
  client.subscribe('windows:revenue', {}, ({ kind, rows }) => {
    if (kind !== 'delta' || into === null || viewer === 0) return;
    const nowMs = Date.now();
    for (const { row } of rows) into.push(nowMs - row.clockMs);
    rowBytes ||= JSON.stringify(rows[0]).length;
  });
  return client;
});
const all = (): boolean =>
  clients.every((client) => client.status().phase === 'connected' && client.status().waiting === 0);
while (!all()) await systemClock.sleep(50);

into = before;
await systemClock.sleep(halfSeconds * 1_000);
// The first one: its socket is not read any more, as of a machine that was put to sleep.
const framesBefore = clients[0]?.status().messages ?? 0;
opened[0]?.pause();
into = after;
await systemClock.sleep(halfSeconds * 1_000);
const frozenFrames = (clients[0]?.status().messages ?? 0) - framesBefore;
into = null;
for (const client of clients) client.close();
report({
  ...{ before: percentiles(before), after: percentiles(after), rowBytes, frozenFrames },
  messagesPerSocketSecond: after.length / (sockets - 1) / halfSeconds,
});
