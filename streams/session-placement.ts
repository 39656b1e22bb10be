import { KeyedSessions, type MergeStates, type Session } from './keyed-sessions.ts';
import { type OnMissed, type Placement, type PlacementOptions, addValues, initStates } from './placement.ts';
import type { RecordTime } from './stage.ts';
import type { WindowSpec } from './windows.ts';

//   ──┬───●───●──●┄┄┄┄┬─────────────●──────┬───●┄┄┄┄┬──▶ event time
//     ├── session ────┤    gap      ├── an event here makes one of it and the next
/**
 * Places events into sessions: an event at t is [t, t + gap), and becomes part of every session that this overlaps. Lateness is
 * judged by the session that would come out, so an old event that belongs to a live session is in time.
 */
export class SessionPlacement<E> implements Placement {
  needed = 0;
  readonly store: KeyedSessions;
  private readonly options: PlacementOptions<E>;
  private readonly gapMs: number;
  private readonly reachMs: number;
  private readonly merge: MergeStates;
  /** Of the planned event. */
  private isMissed = false;
  private startMs = NaN;
  private session: Session | undefined;

  constructor(spec: Extract<WindowSpec, { kind: 'session' }>, options: PlacementOptions<E>) {
    this.options = options;
    this.store = new KeyedSessions(options.allowedLatenessMs);
    this.gapMs = spec.gapMs;
    this.reachMs = spec.reachMs;
    this.merge = (into, from) =>
      options.fields.forEach(([, { aggregate }], f) => (into[f] = aggregate.merge(into[f], from[f])));
  }

  /** Sessions are found by their keys, elsewhere. */
  approach(): void {}

  plan(key: string, _keyNumber: number, { eventTimeMs, watermarkMs }: RecordTime, onMissed: OnMissed): void {
    const goneMs = watermarkMs - this.options.allowedLatenessMs;
    const endMs = eventTimeMs + this.gapMs;
    this.startMs = eventTimeMs;
    this.session = this.store.firstOverlapping(key, eventTimeMs, endMs);
    this.isMissed = eventTimeMs + this.reachMs <= goneMs || (!this.session && endMs <= goneMs);
    this.needed = this.session || this.isMissed ? 0 : 1;
    if (this.isMissed) onMissed(eventTimeMs, endMs);
  }

  commit(key: string, _keyNumber: number, values: readonly unknown[]): number {
    if (this.isMissed) return 0;
    const { store, startMs } = this;
    const endMs = startMs + this.gapMs;
    const { session } = this;
    if (session) store.beforeChange(session);
    if (session && store.extend(session, startMs, endMs, this.merge)) this.options.keys.release(session.key);
    const grown = session ?? this.open(key, startMs, endMs);
    addValues(this.options.fields, grown.states, values);
    store.touch(grown);
    return 1;
  }

  private open(key: string, startMs: number, endMs: number): Session {
    const { fields, keys } = this.options;
    return this.store.open(keys.keyOf(keys.hold(key)), startMs, endMs, initStates(fields));
  }
}
