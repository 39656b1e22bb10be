// The items of each visitor's sessions. Guarantees: an item counts once a session; a session ends with a pause of event time, and holds a
// bounded number of items, the newest. Redelivery: a duplicate was dropped before; an item again changes nothing but the pause.
import type { MixedReader, MixedRow } from '../../streams/mixed-row.ts';
import type { BegunSnapshot } from '../../tasks/contract.ts';
import { Kept, type Touched } from './kept.ts';

export interface SessionsOptions {
  /** A session goes on until nothing came for so long. */
  readonly gapMs: number;
  readonly keysMax: number;
}

/** Items of a session that are paired with what comes; with more the oldest is left out. */
export const sessionItemsMax = 20;
/** How many gaps a session is remembered for, so that partitions may be read at different speeds. */
const gapsKept = 4;

interface Session extends Touched {
  items: string[];
}

export class Sessions {
  private readonly gapMs: number;
  private readonly byId: Kept<Session>;

  constructor({ gapMs, keysMax }: SessionsOptions) {
    this.gapMs = gapMs;
    const create = (): Session => ({ lastMs: -Infinity, items: [] });
    this.byId = new Kept({ keysMax, keepMs: gapMs * gapsKept, create, write, read });
  }

  get size(): number {
    return this.byId.size;
  }

  hasRoomFor(userId: string, sessionId: string): boolean {
    return this.byId.hasRoomFor(keyOf(userId, sessionId));
  }

  /** What the session had visited before; null where it has this item already. */
  visit(userId: string, sessionId: string, itemId: string, timeMs: number, newestMs: number): readonly string[] | null {
    const key = keyOf(userId, sessionId);
    const lastMs = this.byId.get(key, newestMs)?.lastMs ?? timeMs;
    const session = this.byId.touch(key, timeMs, newestMs);
    if (timeMs - lastMs > this.gapMs) session.items = [];
    if (session.items.includes(itemId)) return null;
    const before = session.items;
    session.items = [...before.slice(1 - sessionItemsMax), itemId];
    return before;
  }

  sweep(newestMs: number): void {
    this.byId.sweep(newestMs);
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    return this.byId.beginSnapshot(pieceBytes);
  }

  restore(state: unknown): void {
    this.byId.restore(state);
  }
}

const write = ({ items }: Session, into: MixedRow): void => into.putTexts(items);
const read = (session: Session, from: MixedReader): void => void (session.items = from.takeTexts());

/** A session id is its visitor's own: two visitors may use the same. */
const keyOf = (userId: string, sessionId: string): string => `${userId}\u0000${sessionId}`;
