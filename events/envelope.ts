/** What every event carries beside its own fields; events are flat JSON objects. */
export interface Envelope {
  /** Unique within its source: (source, id) is what duplicates are known by. */
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly source: string;
  /** When it happened, ms since 1970 (event time). */
  readonly eventTimeMs: number;
  /** The entity that it belongs to; the message key of its topic. */
  readonly key: string;
}
