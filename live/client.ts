import { backOffMs, type BackOff } from './backoff.ts';
import { openConnection, type Connection, type Connect } from './connection.ts';
import {
  type ClientMessage,
  isFinalClose,
  type LiveCredential,
  type LiveErrorCode,
  type LiveRow,
  type ParamsOf,
  type RowOf,
  type ServerMessage,
} from './messages.ts';
import { createSubscription, type LiveUpdate, type Subscription } from './subscription.ts';

export interface LiveClientOptions {
  /** `ws(s)://host:port/v1/live`. */
  readonly url: string;
  /** `(url) => new WebSocket(url)`, of the browser or of the package `ws`. */
  readonly connect: Connect;
  /** Asked before each connection, so that a token may be renewed. Default: anonymous. */
  readonly credential?: () => LiveCredential | Promise<LiveCredential>;
  /** [0, 1), for the jitter: `Math.random`. */
  readonly random: () => number;
  /** Default: 0.5 s, doubling to 15 s. */
  readonly backOff?: BackOff;
}

/**
 * `connecting`: the first time; `reconnecting`: dropped, and trying or waiting to try; `refused`: trying again cannot help (bad
 * credential or protocol); `closed`: by `close()`.
 */
export type LivePhase = 'connecting' | 'connected' | 'reconnecting' | 'refused' | 'closed';

export interface LiveStatus {
  readonly phase: LivePhase;
  /** What the server or the socket last said when it was not well. */
  readonly detail: string | null;
  /** Times that a dropped connection was made again. */
  readonly reconnects: number;
  /** Times that the server could not go on where a subscription had stopped and sent everything again. */
  readonly resyncs: number;
  /** Frames received. */
  readonly messages: number;
  /** Subscriptions that wait for their snapshot. */
  readonly waiting: number;
  /** Channels subscribed to, in order. */
  readonly channels: readonly string[];
}

export interface LiveSubscription<Row> {
  /** Live rows by identity, as of the last update. */
  rows(): ReadonlyMap<string, LiveRow<Row>>;
  close(): void;
}

export interface LiveClient {
  /**
   * Calls `onUpdate` with a snapshot, then with what changes. A dropped socket is made again and gone on from where it stopped:
   * no row is lost or comes twice. `onError`: the server refuses this subscription for good.
   */
  subscribe<Channel extends string>(
    channel: Channel,
    params: ParamsOf<Channel>,
    onUpdate: (update: LiveUpdate<RowOf<Channel>>) => void,
    onError?: (code: LiveErrorCode, message: string) => void,
  ): LiveSubscription<RowOf<Channel>>;
  status(): LiveStatus;
  /** Called after each change of phase, detail, counts of reconnects, resyncs or subscriptions; not for each message. Returns how to stop. */
  onStatus(listener: (status: LiveStatus) => void): () => void;
  close(): void;
}

/** Connects at once and keeps connected. */
export function createLiveClient(options: LiveClientOptions): LiveClient {
  const subscriptions = new Set<Subscription<unknown>>();
  const listeners = new Set<(status: LiveStatus) => void>();
  const backOff = options.backOff ?? { firstMs: 500, maxMs: 15_000 };
  let phase: LivePhase = 'connecting';
  let detail: string | null = null;
  let connection: Connection | null = null;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let attempts = 0;
  let nextId = 1;
  const counts = { reconnects: 0, resyncs: 0, messages: 0 };

  const status = (): LiveStatus => ({ phase, detail, ...counts, ...summaryOf(subscriptions) });
  const tell = (): void => listeners.forEach((listener) => listener(status()));
  const setPhase = (next: LivePhase, why: string | null): void => {
    phase = next;
    detail = why;
    tell();
  };

  const open = (): void => {
    connection = openConnection({
      ...linkOf(options),
      onReady: () => {
        if (phase === 'reconnecting') counts.reconnects += 1;
        attempts = 0;
        for (const subscription of subscriptions) subscription.begin();
        setPhase('connected', null);
      },
      onMessage: receive,
      onClose: (code, reason) => {
        connection = null;
        if (phase === 'closed') return;
        for (const subscription of subscriptions) subscription.interrupt();
        if (isFinalClose(code)) return setPhase('refused', reason);
        setPhase(phase === 'connecting' ? 'connecting' : 'reconnecting', reason);
        retryTimer = setTimeout(open, backOffMs(attempts++, backOff, options.random));
      },
    });
  };
  const receive = (message: ServerMessage): void => {
    counts.messages += 1;
    if (message.kind === 'resync') counts.resyncs += 1;
    if (message.kind === 'error' && message.id === undefined) detail = message.message;
    if (passOn(subscriptions, message)) tell();
  };

  open();
  return {
    status,
    onStatus: (listener) => addTo(listeners, listener),
    subscribe: (channel, params, onUpdate, onError) =>
      addSubscription(
        {
          subscriptions,
          tell,
          isConnected: () => phase === 'connected',
          newId: () => nextId++,
          send: (message) => connection?.send(message),
        },
        { channel, params, onUpdate, onError },
      ),
    close() {
      if (phase === 'closed') return;
      clearTimeout(retryTimer);
      setPhase('closed', null);
      connection?.close();
    },
  };
}

/** Hands a message to the subscription that it is for; true when the status has changed. */
function passOn(subscriptions: ReadonlySet<Subscription<unknown>>, message: ServerMessage): boolean {
  const waiting = (): number => [...subscriptions].filter((subscription) => subscription.isWaiting()).length;
  const wasWaiting = waiting();
  for (const subscription of subscriptions) if (subscription.receive(message)) break;
  return message.kind === 'resync' || message.kind === 'error' || waiting() !== wasWaiting;
}

interface SubscriptionHost {
  readonly subscriptions: Set<Subscription<unknown>>;
  tell(): void;
  isConnected(): boolean;
  newId(): number;
  send(message: ClientMessage): void;
}

interface SubscriptionWish<Channel extends string> {
  readonly channel: Channel;
  readonly params: ParamsOf<Channel>;
  readonly onUpdate: (update: LiveUpdate<RowOf<Channel>>) => void;
  readonly onError: ((code: LiveErrorCode, message: string) => void) | undefined;
}

/** Begins at once where there is a connection, else with the next one. */
function addSubscription<Channel extends string>(
  { subscriptions, tell, isConnected, newId, send }: SubscriptionHost,
  { channel, params, onUpdate, onError }: SubscriptionWish<Channel>,
): LiveSubscription<RowOf<Channel>> {
  const subscription = createSubscription<RowOf<Channel>>({
    newId,
    send,
    channel,
    params: params as Readonly<Record<string, unknown>>,
    onUpdate,
    onError,
  });
  subscriptions.add(subscription);
  if (isConnected()) subscription.begin();
  tell();
  return {
    rows: subscription.rows,
    close: () => {
      if (!subscriptions.delete(subscription)) return;
      subscription.end();
      tell();
    },
  };
}

const linkOf = ({ url, connect, credential }: LiveClientOptions) => ({
  url,
  connect,
  credential: credential ?? ((): LiveCredential => ({ method: 'anonymous' })),
});

const summaryOf = (subscriptions: ReadonlySet<Subscription<unknown>>) => ({
  waiting: [...subscriptions].filter((subscription) => subscription.isWaiting()).length,
  channels: [...subscriptions].map(({ channel }) => channel),
});

/** Returns how to take it out again. */
function addTo<T>(set: Set<T>, item: T): () => void {
  set.add(item);
  return () => set.delete(item);
}
