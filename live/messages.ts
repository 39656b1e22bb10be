import type { Alert, Decision, DeliveryAttempt, Outcome, RuleVerdict } from '../events/decisions.ts';
import type { ForecastBand, ForecastScore, Prediction, RecommendationList } from '../events/insights.ts';
import type { DeadLetter, LateRecord, Quarantined, WindowResult } from '../events/results.ts';
import type { SystemStatus } from './system-status.ts';

/**
 * What goes over `/v1/live`, one JSON object to a text frame; docs/live-protocol.md says when. Fields that a reader does not
 * know are ignored, so that either side may add one.
 */
export const liveProtocol = 1;

/** A row of a channel as it is now. `row` carries what the channel is about (for windows: state, watermark, values). */
export interface LiveRow<Row = unknown> {
  /** Identity within the channel. */
  readonly id: string;
  /** Decimal text; of two rows of one identity the higher is the newer. */
  readonly revision: string;
  readonly row: Row;
}

/** What a client may ask a `windows:<pipeline>` channel for. Everything absent: everything that the gateway holds. */
export interface WindowsParams {
  /** Only these outputs, e.g. `country_1m`. */
  readonly outputs?: readonly string[];
  /** Only these keys. */
  readonly keys?: readonly string[];
  /** The snapshot leaves out windows that ended at or before this event time. */
  readonly sinceMs?: number;
  /** As `sinceMs`, counted back from the end of the newest window held: right for replayed history too. */
  readonly lastMs?: number;
}

export type NoParams = Readonly<Record<string, never>>;

type WithoutBytes<T> = Omit<T, 'keyBase64' | 'valueBase64'>;

/** How many events were set aside since this gateway began to read. */
export interface ProblemCounts {
  readonly kind: 'counts';
  readonly sinceMs: number;
  readonly deadLetters: number;
  readonly late: number;
  readonly quarantined: number;
  /** Dead letters by reason. */
  readonly byReason: Readonly<Record<string, number>>;
  /** All of them by the event's source where it was readable; at most 50 names, the rest under `(others)`. */
  readonly bySource: Readonly<Record<string, number>>;
}

/** A row of `problems`: the counts (identity `counts`), or one event that was set aside, without its bytes. */
export type ProblemRow = ProblemCounts | WithoutBytes<DeadLetter> | WithoutBytes<Quarantined> | LateRecord;

/** The first row of `decisions` (identity `counts`): how many since the gateway began to read, and by outcome in each of the last minutes. */
export interface DecisionCounts {
  readonly kind: 'counts';
  readonly sinceMs: number;
  readonly total: OutcomeCounts;
  /** By the logged clock, oldest first; the last minute is still open. At most 60. */
  readonly minutes: readonly ({ readonly startMs: number } & OutcomeCounts)[];
}

export type OutcomeCounts = Readonly<Record<Outcome, number>>;

/** A decision as one line: without features, and of its rules those that hit. */
export type DecisionLine = Omit<Decision, 'kind' | 'features' | 'rules'> & {
  readonly kind: 'decision-line';
  readonly hits: readonly Pick<RuleVerdict, 'ruleId' | 'weight' | 'reason'>[];
};

/** A row of `predictions:<metric>`: a minute that is over, the next hour of a series, or how good its forecasts are. */
export type PredictionRow = Prediction | ForecastBand | ForecastScore;

/** Known channels: rows and parameters by name. Others fit the same messages. */
export type RowOf<Channel extends string> = Channel extends `windows:${string}`
  ? WindowResult
  : Channel extends 'system'
    ? SystemStatus
    : Channel extends 'problems'
      ? ProblemRow
      : Channel extends 'alerts'
        ? Alert
        : Channel extends 'deliveries'
          ? DeliveryAttempt
          : Channel extends 'decisions'
            ? DecisionCounts | DecisionLine
            : Channel extends `predictions:${string}`
              ? PredictionRow
              : Channel extends 'trending' | `recommendations:${string}`
                ? RecommendationList
                : unknown;
export type ParamsOf<Channel extends string> = Channel extends `windows:${string}`
  ? WindowsParams
  : Channel extends `predictions:${string}`
    ? { readonly keys?: readonly string[] }
    : NoParams;

/** `anonymous` is accepted only from loopback, and only where no key is asked for. */
export type LiveCredential =
  | { readonly method: 'anonymous' }
  | { readonly method: 'key'; readonly secret: string }
  | { readonly method: 'jwt'; readonly secret: string };

export type ClientMessage =
  /** The first message, and again whenever a token is renewed. */
  | ({ readonly kind: 'auth' } & LiveCredential)
  | {
      readonly kind: 'subscribe';
      /** Chosen by the client, unique on this socket while subscribed. */
      readonly id: number;
      readonly channel: string;
      readonly params?: Readonly<Record<string, unknown>>;
      /** The last token of the same channel and parameters: go on from there. */
      readonly resume?: string;
    }
  | { readonly kind: 'unsubscribe'; readonly id: number }
  | { readonly kind: 'ping'; readonly n: number }
  | { readonly kind: 'pong'; readonly n: number };

/** Why everything is sent again. */
export type ResyncReason = 'too_old' | 'other_instance' | 'other_params' | 'rebuilt';

export type ServerMessage =
  | {
      readonly kind: 'hello';
      readonly protocol: number;
      readonly instance: string;
      /** Pause between the server's pings. */
      readonly heartbeatMs: number;
      /** The credential must be here by then. */
      readonly authTimeoutMs: number;
      readonly messageBytesMax: number;
      readonly subscriptionsMax: number;
    }
  | { readonly kind: 'ready'; readonly subject: string; readonly expiresMs: number | null }
  | {
      readonly kind: 'subscribed';
      readonly id: number;
      /** Names the subscription in what follows. */
      readonly feed: number;
      /** `resumed`: deltas go on from the token; `snapshot`: a snapshot comes first. */
      readonly mode: 'resumed' | 'snapshot';
    }
  | { readonly kind: 'unsubscribed'; readonly id: number }
  /** What was held is no longer a base: a snapshot follows. */
  | { readonly kind: 'resync'; readonly feed: number; readonly reason: ResyncReason }
  | {
      readonly kind: 'snapshot';
      readonly feed: number;
      /** A snapshot may come in parts, 0, 1, …; it holds once `isLast`. */
      readonly part: number;
      readonly isLast: boolean;
      /** True: only what was pushed since the gateway started, the store being away; a resync follows when it is back. */
      readonly isPartial: boolean;
      readonly seq: number;
      readonly resume: string;
      readonly rows: readonly LiveRow[];
    }
  | {
      readonly kind: 'delta';
      readonly feed: number;
      /** Holds what changed after `prev` up to `seq`: a client that is at less than `prev` has a gap. */
      readonly prev: number;
      readonly seq: number;
      readonly resume: string;
      /** Replaced or new; one whose `state` is `tombstone` exists no longer. */
      readonly rows: readonly LiveRow[];
      /** Identities that left the bounded view: nothing is wrong with them. */
      readonly expired: readonly string[];
    }
  | { readonly kind: 'ping'; readonly n: number }
  | { readonly kind: 'pong'; readonly n: number }
  | { readonly kind: 'error'; readonly code: LiveErrorCode; readonly message: string; readonly id?: number };

export type LiveErrorCode =
  | 'bad_message'
  | 'not_authenticated'
  | 'unauthorised'
  | 'token_expired'
  | 'auth_timeout'
  | 'heartbeat_missed'
  | 'unknown_channel'
  | 'forbidden_channel'
  | 'bad_params'
  | 'already_subscribed'
  | 'not_subscribed'
  | 'too_many_subscriptions'
  | 'too_many_messages'
  | 'too_slow'
  | 'shutting_down';

/** WebSocket close codes that millrace uses; 1003 (binary), 1009 (too big) and 1001 (going away) as in RFC 6455. */
export const closeCode = {
  normal: 1000,
  goingAway: 1001,
  binary: 1003,
  tooBig: 1009,
  badMessage: 4400,
  unauthorised: 4401,
  tokenExpired: 4402,
  authTimeout: 4408,
  heartbeatMissed: 4409,
  tooManyMessages: 4428,
  tooSlow: 4429,
} as const;

/** True where trying again with the same credential and code cannot help. */
export const isFinalClose = (code: number): boolean =>
  code === closeCode.badMessage ||
  code === closeCode.unauthorised ||
  code === closeCode.binary ||
  code === closeCode.tooBig;

/** True when decimal text `a` is a larger whole number than `b`; neither has leading zeros. */
export const isNewer = (a: string, b: string): boolean => (a.length === b.length ? a > b : a.length > b.length);
