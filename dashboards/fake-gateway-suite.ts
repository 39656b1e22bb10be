import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import { checkClientMessage } from '../live/check.ts';
import { closeCode, isNewer, liveProtocol, type LiveRow, type ServerMessage } from '../live/messages.ts';

/** A server of the page and of `/v1/live` in one process, for the page's own tests: it says what a test tells it to, and can misbehave. */
export interface FakeGateway {
  readonly url: string;
  /** Paths asked for by HTTP, in order. */
  readonly requests: readonly string[];
  /** Sockets opened since the start. */
  socketsOpened(): number;
  /** Makes rows the newest of a channel and sends them to who is subscribed; without a socket they wait for the next one. */
  push(channel: string, rows: readonly LiveRow[]): void;
  /** Takes rows away without a word: what a server forgot that was away for long. */
  forgetRows(channel: string, ids: readonly string[]): void;
  /** Every resume token from before is too old. */
  forgetTokens(): void;
  dropSockets(): void;
  /** While true, sockets are cut before hello. */
  setAway(isAway: boolean): void;
  /** What a path below `/v1/` is answered with from now on; `body` of a POST is handed over. */
  answer(path: string, reply: (body: string) => Reply): void;
  /** From now on a credential must be this key. */
  requireKey(key: string): void;
  close(): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

interface Channel {
  readonly rows: Map<string, LiveRow>;
  readonly log: { readonly seq: number; readonly rows: readonly LiveRow[] }[];
  oldestResume: number;
}

interface Feed {
  readonly socket: WebSocket;
  readonly feed: number;
  readonly channel: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** Serves the built page in `folder` under the policy that the real server sends. */
export async function startFakeGateway(folder: string): Promise<FakeGateway> {
  const requests: string[] = [];
  const replies = new Map<string, (body: string) => Reply>();
  const http = createServer((request, response) => void serve({ folder, requests, replies }, request, response));
  const sockets = new WebSocketServer({ server: http, path: '/v1/live' });
  const channels = new Map<string, Channel>();
  const state = { feeds: [] as Feed[], nextFeed: 1, opened: 0, isAway: false, key: null as string | null };
  const channelOf = (name: string): Channel => {
    const known = channels.get(name) ?? { rows: new Map(), log: [], oldestResume: 0 };
    channels.set(name, known);
    return known;
  };
  sockets.on('connection', (socket) => {
    state.opened += 1;
    if (state.isAway) return socket.terminate();
    send(socket, hello);
    socket.on('message', (data) => receive(socket, (data as Buffer).toString()));
    socket.on('close', () => (state.feeds = state.feeds.filter((feed) => feed.socket !== socket)));
  });
  const receive = (socket: WebSocket, text: string): void => {
    const checked = checkClientMessage(text);
    if (checked.kind === 'bad') return socket.close(closeCode.badMessage, checked.why);
    const { message } = checked;
    if (message.kind === 'auth') {
      if (state.key !== null && (message.method !== 'key' || message.secret !== state.key))
        return socket.close(closeCode.unauthorised, 'an API key is needed');
      return send(socket, { kind: 'ready', subject: 'test', expiresMs: null });
    }
    if (message.kind !== 'subscribe') return;
    const feed = { socket, feed: state.nextFeed++, channel: message.channel };
    state.feeds.push(feed);
    begin(feed, channelOf(message.channel), message.id, message.resume);
  };
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
    requests,
    socketsOpened: () => state.opened,
    push: (name, rows) => {
      const channel = channelOf(name);
      const prev = channel.log.length;
      channel.log.push({ seq: prev + 1, rows });
      for (const row of rows) keep(channel, row);
      for (const feed of state.feeds) if (feed.channel === name) sendDelta(feed, prev, rows);
    },
    forgetRows: (name, ids) => ids.forEach((id) => channelOf(name).rows.delete(id)),
    forgetTokens: () => channels.forEach((channel) => (channel.oldestResume = channel.log.length + 1)),
    dropSockets: () => sockets.clients.forEach((socket) => socket.terminate()),
    setAway: (isAway) => void (state.isAway = isAway),
    answer: (path, reply) => void replies.set(path, reply),
    requireKey: (key) => void (state.key = key),
    close: async () => {
      sockets.clients.forEach((socket) => socket.terminate());
      sockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

const hello: ServerMessage = {
  ...{ kind: 'hello', protocol: liveProtocol, instance: 'fake', heartbeatMs: 15_000 },
  ...{ authTimeoutMs: 5_000, messageBytesMax: 65_536, subscriptionsMax: 32 },
};

const send = (socket: WebSocket, message: ServerMessage): void => socket.send(JSON.stringify(message));
const tokenOf = (seq: number): string => `fake:${seq}`;

function keep({ rows }: Channel, row: LiveRow): void {
  const known = rows.get(row.id);
  if (!known || isNewer(row.revision, known.revision)) rows.set(row.id, row);
}

/** Goes on from the token if it can, else sends everything. */
function begin(feed: Feed, channel: Channel, id: number, resume: string | undefined): void {
  const from = resume === undefined ? null : Number(resume.split(':')[1]);
  const isResumed = from !== null && from >= channel.oldestResume;
  send(feed.socket, { kind: 'subscribed', id, feed: feed.feed, mode: isResumed ? 'resumed' : 'snapshot' });
  if (isResumed) {
    for (const entry of channel.log.slice(from)) sendDelta(feed, entry.seq - 1, entry.rows);
    return;
  }
  if (from !== null) send(feed.socket, { kind: 'resync', feed: feed.feed, reason: 'too_old' });
  const seq = channel.log.length;
  const rows = [...channel.rows.values()];
  const common = { kind: 'snapshot', feed: feed.feed, isPartial: false, seq, resume: tokenOf(seq) } as const;
  send(feed.socket, { ...common, part: 0, isLast: false, rows: rows.slice(0, 5) });
  send(feed.socket, { ...common, part: 1, isLast: true, rows: rows.slice(5) });
}

function sendDelta({ socket, feed }: Feed, prev: number, rows: readonly LiveRow[]): void {
  const seq = prev + 1;
  send(socket, { kind: 'delta', feed, prev, seq, resume: tokenOf(seq), rows, expired: [] });
}

interface Served {
  readonly folder: string;
  readonly requests: string[];
  readonly replies: ReadonlyMap<string, (body: string) => Reply>;
}

async function serve({ folder, requests, replies }: Served, request: IncomingMessage, response: ServerResponse) {
  const { pathname: path, search } = new URL(request.url ?? '/', 'http://page');
  requests.push(path);
  const reply = replies.get(path + search) ?? replies.get(path);
  if (reply) {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { status, body: answer } = reply(body);
    response.writeHead(status, { 'content-type': 'application/json' });
    return void response.end(JSON.stringify(answer));
  }
  const file = path === '/' ? '/index.html' : path;
  try {
    const body = await readFile(join(folder, file));
    response.writeHead(200, {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': "default-src 'self'",
      'x-content-type-options': 'nosniff',
    });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}
