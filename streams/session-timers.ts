// When sessions end, the next first. A session that has grown since it was added is put back when its turn comes, one that is
// gone is passed over: growing costs nothing, and a session comes up at most once a gap.
// Guarantees: what it gives depends on the sessions, never on the order in which they were added. Redelivery: none of it knows ids.
import FlatQueue from 'flatqueue';
import type { Session } from './keyed-sessions.ts';

const COMPACT_MIN = 1_024;

/** Sessions by their end. */
export class SessionTimers {
  private queue = new FlatQueue<Session>();
  private compactAt = COMPACT_MIN;

  /** No session ends before it; Infinity when there is none. */
  get nextMs(): number {
    return this.queue.peekValue() ?? Infinity;
  }

  add(session: Session): void {
    if (this.queue.length >= this.compactAt) this.compact();
    this.queue.push(session, session.endMs);
  }

  /** Takes out the sessions that end at or before `upToMs`: by start, then by key. */
  take(upToMs: number): Session[] {
    const due: Session[] = [];
    while (this.nextMs <= upToMs) {
      const session = this.queue.pop() as Session;
      if (session.isGone) continue;
      if (session.endMs > upToMs) this.queue.push(session, session.endMs);
      else due.push(session);
    }
    return due.sort(byStartThenKey);
  }

  /** Sessions that are gone hold memory until their end: not more of them than of the others. */
  private compact(): void {
    const live = this.queue.ids.slice(0, this.queue.length).filter(({ isGone }) => !isGone);
    this.queue = new FlatQueue();
    for (const session of live) this.queue.push(session, session.endMs);
    this.compactAt = Math.max(COMPACT_MIN, 2 * live.length);
  }
}

/** An order that does not depend on which came first. */
export const byStartThenKey = (a: Session, b: Session): number =>
  a.startMs - b.startMs || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
