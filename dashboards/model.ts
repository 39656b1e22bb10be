import { signal } from '@preact/signals';
import type { HistoryPoint } from './history.ts';
import type { WindowResult } from '../events/results.ts';
import type { MissingSpan } from './window-rows.ts';

/**
 * What the pages draw: signals, written by `live-feed.ts` at most once per animation frame, read by everyone else. `null` means: not told yet.
 */

/** How the live connection stands. */
export interface ConnectionView {
  readonly phase: 'connecting' | 'connected' | 'reconnecting' | 'resyncing' | 'refused';
  /** Since when, by this machine's clock. */
  readonly sinceMs: number;
  /** What the server or the socket said, when it was not well. */
  readonly detail: string | null;
  /** Times that the socket was opened again. */
  readonly reconnects: number;
  /** Times that the server could not go on where it had stopped and sent everything again. */
  readonly resyncs: number;
  readonly messages: number;
  readonly subscriptions: readonly string[];
}

/** A part that runs for long, as it describes itself. */
export interface ServiceView {
  readonly name: string;
  readonly state: string;
  readonly detail: string | null;
}

/** One step of the journey of an event. */
export interface StageView {
  readonly name: string;
  readonly perSecond: number;
  readonly total: number;
  readonly errors: number;
}

/** How far the reading of one input partition is behind its end. */
export interface PartitionView {
  readonly name: string;
  readonly nextOffset: string;
  readonly endOffset: string;
  readonly lagRecords: number;
}

/** Where a pipeline stands in event time, and its counts since its first entry. */
export interface PipelineView {
  readonly name: string;
  readonly watermarkMs: number | null;
  readonly counters: Readonly<Record<string, number>>;
}

/** The server's own account of itself, as last pushed. */
export interface SystemView {
  /** The server's clock when it was made. */
  readonly atMs: number;
  readonly eventsPerSecond: number;
  readonly eventsTotal: number;
  readonly lagRecords: number;
  readonly services: readonly ServiceView[];
  readonly stages: readonly StageView[];
  readonly partitions: readonly PartitionView[];
  readonly pipelines: readonly PipelineView[];
}

/** Of all events that the pipelines have read. */
export interface ProblemCounts {
  readonly deadLettered: number;
  readonly late: number;
  readonly duplicate: number;
  readonly quarantined: number;
}

/** One event that was set aside. All text comes from outside. */
export interface ProblemRow {
  readonly identity: string;
  readonly kind: 'dead-letter' | 'late' | 'quarantined';
  readonly title: string;
  readonly message: string;
  readonly lateByMs: number | null;
  readonly topic: string;
  readonly partition: number;
  readonly inputOffset: string;
  readonly source: string | null;
  readonly atMs: number | null;
}

export const connection = signal<ConnectionView>({
  phase: 'connecting',
  sinceMs: Date.now(),
  detail: null,
  reconnects: 0,
  resyncs: 0,
  messages: 0,
  subscriptions: [],
});
export const system = signal<SystemView | null>(null);
/** Events per second, and ms that the watermark was behind, over the last minutes. */
export const rateHistory = signal<readonly HistoryPoint[]>([]);
export const behindHistory = signal<readonly HistoryPoint[]>([]);
export const windows = signal<readonly WindowResult[]>([]);
export const missingSpans = signal<readonly MissingSpan[]>([]);
export const problems = signal<readonly ProblemRow[]>([]);
