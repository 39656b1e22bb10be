import { signal } from '@preact/signals';
import type { Alert } from '../events/decisions.ts';
import type { HistoryPoint } from './history.ts';
import type { DecisionCounts, DecisionLine, LiveRow, ProblemRow } from '../live/messages.ts';
import type { SystemStatus } from '../live/system-status.ts';
import type { MissingSpan, WindowRow } from './window-rows.ts';

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
  readonly channels: readonly string[];
  /** Everything has been here once. */
  readonly wasLive: boolean;
}

export const connection = signal<ConnectionView>({
  phase: 'connecting',
  sinceMs: Date.now(),
  detail: null,
  reconnects: 0,
  resyncs: 0,
  messages: 0,
  channels: [],
  wasLive: false,
});
export const system = signal<SystemStatus | null>(null);
/** Events per second, and ms that the watermark was behind, over the last minutes. */
export const rateHistory = signal<readonly HistoryPoint[]>([]);
export const behindHistory = signal<readonly HistoryPoint[]>([]);
export const windows = signal<readonly WindowRow[]>([]);
export const missingSpans = signal<readonly MissingSpan[]>([]);
/** The counts by reason and source, and the newest events set aside, as the channel `problems` holds them. */
export const problems = signal<readonly LiveRow<ProblemRow>[]>([]);
/** Alerts as they stand now, as the channel `alerts` holds them; null before the first word on them. */
export const alerts = signal<readonly LiveRow<Alert>[] | null>(null);
/** Decisions by outcome, and the newest as lines, the newest first, as the channel `decisions` holds them; null before the first word. */
export const decisions = signal<{ readonly counts: DecisionCounts | null; readonly lines: readonly DecisionLine[] }>({
  counts: null,
  lines: [],
});
