import type { ClientMessage, LiveErrorCode, LiveRow, ServerMessage } from './messages.ts';
import { createRowStore, type RowStore } from './row-store.ts';

/** What a subscriber is told. Rows are as the server has them now; a delta also names the tombstones and what left the view. */
export type LiveUpdate<Row> =
  | {
      readonly kind: 'snapshot';
      readonly rows: readonly LiveRow<Row>[];
      /** True: the server's store is away and only new rows are here. */
      readonly isPartial: boolean;
    }
  | { readonly kind: 'delta'; readonly rows: readonly LiveRow<Row>[]; readonly expired: readonly string[] };

export interface SubscriptionOptions<Row> {
  readonly channel: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Ids are never used twice by a client: frames of an earlier try cannot be taken for this one's. */
  readonly newId: () => number;
  readonly send: (message: ClientMessage) => void;
  readonly onUpdate: (update: LiveUpdate<Row>) => void;
  readonly onError: ((code: LiveErrorCode, message: string) => void) | undefined;
}

export interface Subscription<Row> {
  readonly channel: string;
  rows(): ReadonlyMap<string, LiveRow<Row>>;
  /** True while no snapshot is here or the server has announced another. */
  isWaiting(): boolean;
  /** On a fresh connection: subscribes, going on from where it stopped if it can. */
  begin(): void;
  /** The connection is gone; rows and token stay. */
  interrupt(): void;
  end(): void;
  /** True when the message was this subscription's. */
  receive(message: ServerMessage): boolean;
}

/** One channel with its parameters over any number of connections. */
export function createSubscription<Row>(options: SubscriptionOptions<Row>): Subscription<Row> {
  const store: RowStore<Row> = createRowStore<Row>();
  let id: number | null = null;
  let feed: number | null = null;

  const begin = (): void => {
    id = options.newId();
    feed = null;
    const { channel, params } = options;
    const resume = store.resume;
    options.send({ kind: 'subscribe', id, channel, params, ...(resume !== null && { resume }) });
  };
  const startOver = (): void => {
    if (id !== null) options.send({ kind: 'unsubscribe', id });
    begin();
  };
  const takeSnapshot = (message: ServerMessage & { readonly kind: 'snapshot' }): void => {
    const rows = store.snapshot({ ...message, rows: message.rows as readonly LiveRow<Row>[] });
    if (rows === 'gap') startOver();
    else if (rows) options.onUpdate({ kind: 'snapshot', rows, isPartial: message.isPartial });
  };
  const takeDelta = (message: ServerMessage & { readonly kind: 'delta' }): void => {
    const change = store.delta({ ...message, rows: message.rows as readonly LiveRow<Row>[] });
    if (change === 'gap') startOver();
    else if (change.rows.length > 0 || change.expired.length > 0) options.onUpdate({ kind: 'delta', ...change });
  };
  const receive = (message: ServerMessage): boolean => {
    switch (message.kind) {
      case 'subscribed':
        if (message.id !== id) return false;
        feed = message.feed;
        return true;
      case 'error':
        if (message.id === undefined || message.id !== id) return false;
        options.onError?.(message.code, message.message);
        return true;
      case 'resync':
        if (message.feed !== feed) return false;
        store.detach();
        return true;
      case 'snapshot':
        if (message.feed !== feed) return false;
        takeSnapshot(message);
        return true;
      case 'delta':
        if (message.feed !== feed) return false;
        takeDelta(message);
        return true;
      default:
        return false;
    }
  };
  return {
    channel: options.channel,
    rows: () => store.rows,
    isWaiting: () => store.seq === null,
    begin,
    interrupt: () => {
      id = null;
      feed = null;
    },
    end: () => {
      if (id !== null) options.send({ kind: 'unsubscribe', id });
      id = null;
      feed = null;
    },
    receive,
  };
}
