// The sessions of one output: for each key, spans of event time that grow, and become one when an event closes the gap between two.
// Guarantees: the sessions are those of all accepted events, whatever order they came in. A row whose start no longer begins a
// session gets a tombstone, in the entry that publishes what it became part of: no fact is ever in two rows or, once published, in none.
// Redelivery: none of it knows ids; duplicates were dropped before.
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import { valuesOf } from './pieces.ts';
import { PlaceSlices, valuesAt } from './place-slices.ts';
import type { HeldKeys } from './placement.ts';
import { SessionTimers, byStartThenKey } from './session-timers.ts';
import type { Cell, EmitRows, WindowStore } from './window-store.ts';

/** A published row that is part of a session with another start now, and where its tombstone is due. */
interface Replaced {
  readonly startMs: number;
  readonly endMs: number;
  readonly isFinal: boolean;
  isProvisionalDue: boolean;
}

export interface Session extends Cell {
  startMs: number;
  endMs: number;
  /** Ended, as far as is known: a later end opens it again. */
  isClosed: boolean;
  /** End as published under this start; null when nothing is. */
  shownEndMs: number | null;
  /** At most one for each session that became part of this one. */
  replaces: Replaced[];
  /** Dropped, or part of another. */
  isGone: boolean;
  /** In the snapshot that is being taken; −1: it was opened since. */
  place: number;
}

export type MergeStates = (into: unknown[], from: unknown[]) => void;

export class KeyedSessions implements WindowStore {
  cellCount = 0;
  private readonly allowedLatenessMs: number;
  /** By start; they do not overlap. */
  private readonly sessionsOf = new Map<string, Session[]>();
  private readonly closing = new SessionTimers();
  private readonly dropping = new SessionTimers();
  /** Open sessions that have changed since they were published. */
  private readonly changed = new Set<Session>();
  /** Closed ones, the same; empty between entries. */
  private readonly corrected = new Set<Session>();

  private readonly slices = new PlaceSlices<SavedSession>();

  constructor(allowedLatenessMs: number) {
    this.allowedLatenessMs = allowedLatenessMs;
  }

  get nextDropMs(): number {
    return this.dropping.nextMs + this.allowedLatenessMs;
  }

  /** The session of the key that overlaps [startMs, endMs) and begins first. */
  firstOverlapping(key: string, startMs: number, endMs: number): Session | undefined {
    const sessions = this.sessionsOf.get(key);
    if (!sessions) return undefined;
    let found: Session | undefined;
    // The newest are last, and most events are theirs.
    for (let i = sessions.length - 1; i >= 0; i--) {
      const session = sessions[i] as Session;
      if (session.endMs <= startMs) break;
      if (session.startMs < endMs) found = session;
    }
    return found;
  }

  /** A session where `firstOverlapping` knows none. `touch` follows. */
  open(key: string, startMs: number, endMs: number, states: unknown[]): Session {
    const flags = { isFinal: false, hasChanged: false, isClosed: false, isGone: false };
    const session: Session = { key, states, startMs, endMs, ...flags, shownEndMs: null, replaces: [], place: -1 };
    this.insert(session);
    return session;
  }

  /** Makes the session hold [startMs, endMs), with the next one where they meet. `touch` follows. True when two became one. */
  extend(session: Session, startMs: number, endMs: number, merge: MergeStates): boolean {
    const sessions = this.sessionsOf.get(session.key) as Session[];
    const next = sessions[sessions.indexOf(session) + 1];
    const isMerge = next !== undefined && next.startMs < endMs;
    if (startMs < session.startMs) {
      noteReplaced(session, session);
      session.startMs = startMs;
      session.isFinal = false;
      session.shownEndMs = null;
    }
    if (isMerge) this.absorb(session, next, sessions, merge);
    else if (endMs > session.endMs) this.prolong(session, endMs, false);
    return isMerge;
  }

  /** To be called before a session is extended or its states change. */
  beforeChange({ place }: Session): void {
    this.slices.beforeChange(place);
  }

  /** To be called for a session whose states were changed. */
  touch(session: Session): void {
    if (session.hasChanged) return;
    session.hasChanged = true;
    (session.isClosed ? this.corrected : this.changed).add(session);
  }

  private absorb(session: Session, next: Session, sessions: Session[], merge: MergeStates): void {
    // What it replaces is shared from now on, and states that are merged may be.
    this.beforeChange(next);
    sessions.splice(sessions.indexOf(next), 1);
    merge(session.states, next.states);
    session.replaces.push(...next.replaces);
    noteReplaced(session, next);
    this.prolong(session, next.endMs, next.isClosed);
    next.isGone = true;
    this.changed.delete(next);
    this.corrected.delete(next);
    this.cellCount--;
  }

  private prolong(session: Session, endMs: number, isClosed: boolean): void {
    session.endMs = endMs;
    if (session.isClosed === isClosed) return;
    session.isClosed = isClosed;
    if (!isClosed) this.closing.add(session);
    const [from, to] = isClosed ? [this.changed, this.corrected] : [this.corrected, this.changed];
    if (from.delete(session)) to.add(session);
  }

  publish(upToMs: number, emit: EmitRows): void {
    if (this.corrected.size > 0) {
      // Each was touched in this entry.
      for (const session of [...this.corrected].sort(byStartThenKey)) emitFinal(session, emit);
      this.corrected.clear();
    }
    if (upToMs < this.closing.nextMs) return;
    // One that was closed and prolonged while its timer ran is in the queue twice.
    for (const session of this.closing.take(upToMs)) if (!session.isClosed) this.close(session, emit);
  }

  publishProvisional(emit: EmitRows): void {
    for (const session of [...this.changed].sort(byStartThenKey)) {
      this.beforeChange(session);
      const { key, states } = session;
      for (const replaced of session.replaces) {
        if (replaced.isProvisionalDue) emit.row(replaced, { key, states }, 'replaced');
        replaced.isProvisionalDue = false;
      }
      session.replaces = session.replaces.filter(({ isFinal }) => isFinal);
      emit.row(session, session, 'provisional');
      session.hasChanged = false;
      session.shownEndMs = session.endMs;
    }
    this.changed.clear();
  }

  drop(watermarkMs: number, emit: EmitRows, keys: HeldKeys): number {
    const before = this.cellCount;
    for (const session of this.dropping.take(watermarkMs - this.allowedLatenessMs)) {
      if (!session.isClosed) this.close(session, emit);
      session.isGone = true;
      const left = (this.sessionsOf.get(session.key) ?? []).filter((one) => one !== session);
      if (left.length > 0) this.sessionsOf.set(session.key, left);
      else this.sessionsOf.delete(session.key);
      this.cellCount--;
      keys.release(session.key);
    }
    return before - this.cellCount;
  }

  private close(session: Session, emit: EmitRows): void {
    this.beforeChange(session);
    session.isClosed = true;
    this.changed.delete(session);
    emitFinal(session, emit);
  }

  private insert(session: Session): void {
    const sessions = this.sessionsOf.get(session.key);
    if (!sessions) this.sessionsOf.set(session.key, [session]);
    else {
      let at = sessions.length;
      while (at > 0 && (sessions[at - 1] as Session).startMs > session.startMs) at--;
      sessions.splice(at, 0, session);
    }
    this.cellCount++;
    if (!session.isClosed) this.closing.add(session);
    this.dropping.add(session);
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const sessions = [...this.sessionsOf.values()].flat();
    for (let place = 0; place < sessions.length; place++) (sessions[place] as Session).place = place;
    const packing = valuesAt((place) => savedOf(sessions[place] as Session), sessionBytes);
    return this.slices.begin({ end: sessions.length, packing, pieceBytes });
  }

  restore(state: SlicedState, keys: HeldKeys): void {
    for (const saved of valuesOf<SavedSession>(state)) {
      const session = { ...saved, isGone: false, place: -1 };
      keys.hold(session.key);
      this.insert(session);
      if (session.hasChanged) this.changed.add(session);
    }
  }
}

/** For the size of a piece. */
const sessionBytes = 128;

type SavedSession = Omit<Session, 'isGone' | 'place'>;

const savedOf = ({ isGone: _isGone, place: _place, ...saved }: Session): SavedSession => saved;

/** `session` covers what was published of `from` under a start that is none any more. */
function noteReplaced(session: Session, from: Session): void {
  const { startMs, shownEndMs, isFinal } = from;
  if (shownEndMs !== null) session.replaces.push({ startMs, endMs: shownEndMs, isFinal, isProvisionalDue: true });
}

function emitFinal(session: Session, emit: EmitRows): void {
  const { key, states } = session;
  for (const replaced of session.replaces)
    emit.row(replaced, { key, states }, replaced.isFinal ? 'tombstone' : 'replaced');
  session.replaces = [];
  emit.row(session, session, session.isFinal ? 'corrected' : 'final');
  session.isFinal = true;
  session.hasChanged = false;
  session.shownEndMs = session.endMs;
}
