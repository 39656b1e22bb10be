// What one endpoint has still to be told: a lane an alert, each with the newest transition that was not delivered.
// Guarantees: of one alert nothing is sent while something is under way, and a newer transition replaces an older one that was not
// delivered; pending and dead are bounded. Synchronous: clock and chance are arguments, what is to be recorded comes back.
// Redelivery: a transition not newer than its lane's is dropped; the same records restore the same state.
import type { AlertTransition, DeliveryAttempt } from '../../events/decisions.ts';
import type { Answer } from './answer.ts';
import type { Message } from './message.ts';
import { pauseAfter } from './schedule.ts';

export interface EndpointQueueOptions {
  readonly endpoint: string;
  /** The others are not this endpoint's. */
  readonly transitions: readonly AlertTransition[];
  readonly pendingMax: number;
  /** The one dead for longest is forgotten beyond; ClickHouse has it still. */
  readonly deadMax: number;
  readonly inFlightMax: number;
  /** What is one too many is dead at once, unless the one that has waited longest is forgotten for it, unrecorded. */
  readonly whenFull?: 'bury' | 'forget-oldest';
}

/** One attempt to be made now. */
export interface Sending {
  readonly message: Message;
  readonly attempt: number;
}

export type ResendOutcome = 'queued' | 'not_dead' | 'unknown' | 'full';

interface Lane {
  message: Message;
  kind: 'pending' | 'in-flight' | 'dead';
  /** Records of this transition so far. */
  attempts: number;
  dueMs: number;
  /** Came while the message was under way. */
  next: Message | null;
  detail: string;
}

export interface DeadDelivery {
  readonly webhookId: string;
  readonly alertId: string;
  readonly transition: AlertTransition;
  readonly attempts: number;
  readonly detail: string;
}

export interface QueueStatus {
  readonly isDisabled: boolean;
  /** Under way included. */
  readonly pending: number;
  readonly dead: number;
  /** Dead ones forgotten since the start. */
  readonly deadForgotten: number;
  /** Nothing is sent before; 0: no such wish. */
  readonly holdUntilMs: number;
}

export class EndpointQueue {
  readonly #options: EndpointQueueOptions;
  readonly #wanted: ReadonlySet<AlertTransition>;
  /** Not dead, by alert, oldest first. */
  readonly #pending = new Map<string, Lane>();
  /** By alert, the one dead for longest first. */
  readonly #dead = new Map<string, Lane>();
  #inFlight = 0;
  #deadForgotten = 0;
  #isDisabled = false;
  #holdUntilMs = 0;
  /** No pending lane that is not under way is due before. */
  #earliestMs = Infinity;

  constructor(options: EndpointQueueOptions) {
    this.#options = options;
    this.#wanted = new Set(options.transitions);
  }

  /** A transition as it was published. */
  take(message: Message, nowMs: number): readonly DeliveryAttempt[] {
    if (!this.#wanted.has(message.transition)) return [];
    const lane = this.#laneOf(message.alertKey);
    if (!lane) return this.#add(message, nowMs);
    if (message.revision <= (lane.next ?? lane.message).revision) return [];
    if (lane.kind === 'in-flight') {
      const replaced = lane.next ? [this.#replaced(lane.next, 1, nowMs)] : [];
      lane.next = message;
      return replaced;
    }
    const replaced = this.#replaced(lane.message, lane.attempts + 1, nowMs);
    if (lane.kind === 'pending') this.#renew(lane, message, nowMs);
    else this.#dead.delete(message.alertKey);
    return lane.kind === 'pending' ? [replaced] : [replaced, ...this.#add(message, nowMs)];
  }

  /** A transition whose newest record is known (null: none), in the order of their revisions; before anything is sent. */
  restore(message: Message, last: DeliveryAttempt | null, nowMs: number): readonly DeliveryAttempt[] {
    if (!this.#wanted.has(message.transition)) return [];
    if (last?.outcome === 'delivered' || last?.outcome === 'replaced') {
      // What is older was replaced by it, recorded or not.
      const older = this.#laneOf(message.alertKey);
      if (older && older.message.revision <= message.revision) this.#forget(message.alertKey);
      return [];
    }
    const records = this.take(message, nowMs);
    const lane = this.#laneOf(message.alertKey);
    if (last === null || lane?.message !== message) return records;
    lane.attempts = last.attempt;
    lane.detail = last.detail;
    if (last.outcome === 'dead') this.#bury(lane);
    else if (lane.kind === 'pending') this.#putOff(lane, last.nextAtMs ?? nowMs);
    return records.filter(({ webhookId }) => webhookId !== message.webhookId);
  }

  /** Starts what is due, as far as there is room. Each one must be `answered`. */
  start(nowMs: number): readonly Sending[] {
    const room = this.#options.inFlightMax - this.#inFlight;
    if (room <= 0 || this.nextDueMs() > nowMs) return [];
    const started: Sending[] = [];
    let earliestMs = Infinity;
    for (const lane of this.#pending.values()) {
      if (started.length === room) {
        earliestMs = nowMs;
        break;
      }
      if (lane.kind !== 'pending') continue;
      if (lane.dueMs > nowMs) earliestMs = Math.min(earliestMs, lane.dueMs);
      else {
        lane.kind = 'in-flight';
        started.push({ message: lane.message, attempt: lane.attempts + 1 });
      }
    }
    this.#inFlight += started.length;
    this.#earliestMs = earliestMs;
    return started;
  }

  /** When `start` may have something, by what is known now. */
  nextDueMs(): number {
    return this.#isDisabled ? Infinity : Math.max(this.#earliestMs, this.#holdUntilMs);
  }

  /** What became of an attempt that was started. */
  answered({ message }: Sending, answer: Answer, nowMs: number, random: () => number): readonly DeliveryAttempt[] {
    const lane = this.#pending.get(message.alertKey);
    if (lane?.kind !== 'in-flight' || lane.message !== message) return [];
    this.#inFlight -= 1;
    lane.kind = 'pending';
    if (answer.kind === 'absent') return this.#absent(lane, nowMs + answer.pauseMs);
    lane.attempts += 1;
    if (answer.kind === 'gone') this.#isDisabled = true;
    if (answer.kind === 'failed' && answer.retryAfterMs !== null)
      this.#holdUntilMs = Math.max(this.#holdUntilMs, nowMs + answer.retryAfterMs);
    const record = this.#judge(lane, answer, nowMs, random);
    const { next, attempts } = lane;
    if (next === null) return [record];
    const isDelivered = answer.kind === 'delivered';
    this.#pending.set(message.alertKey, lane);
    this.#renew(lane, next, nowMs);
    return isDelivered ? [record] : [record, this.#replaced(message, attempts + 1, nowMs)];
  }

  /** A dead one is due again, with what is left of its schedule, or once. */
  resend(webhookId: string, nowMs: number): ResendOutcome {
    const isIt = ({ message }: Lane): boolean => message.webhookId === webhookId;
    const lane = [...this.#dead.values()].find(isIt);
    if (!lane) return [...this.#pending.values()].some(isIt) ? 'not_dead' : 'unknown';
    if (this.#pending.size >= this.#options.pendingMax) return 'full';
    this.#dead.delete(lane.message.alertKey);
    lane.kind = 'pending';
    this.#pending.set(lane.message.alertKey, lane);
    this.#putOff(lane, nowMs);
    return 'queued';
  }

  /** Set while restoring; cleared by an operator: what waited is due again. */
  setDisabled(isDisabled: boolean): void {
    this.#isDisabled = isDisabled;
    if (!isDisabled) this.#holdUntilMs = 0;
  }

  status(): QueueStatus {
    const counts = { pending: this.#pending.size, dead: this.#dead.size, deadForgotten: this.#deadForgotten };
    return { isDisabled: this.#isDisabled, holdUntilMs: this.#holdUntilMs, ...counts };
  }

  /** The newest ones first. */
  dead(rowsMax: number): readonly DeadDelivery[] {
    const newest = [...this.#dead.values()].slice(-rowsMax).toReversed();
    return newest.map(({ message: { webhookId, alertId, transition }, attempts, detail }) => {
      return { webhookId, alertId, transition, attempts, detail };
    });
  }

  #laneOf(alertKey: string): Lane | undefined {
    return this.#pending.get(alertKey) ?? this.#dead.get(alertKey);
  }

  #add(message: Message, nowMs: number): readonly DeliveryAttempt[] {
    const lane: Lane = { message, kind: 'pending', attempts: 0, dueMs: nowMs, next: null, detail: '' };
    if (this.#options.whenFull === 'forget-oldest') this.#makeRoom();
    if (this.#pending.size < this.#options.pendingMax) {
      this.#pending.set(message.alertKey, lane);
      this.#putOff(lane, nowMs);
      return [];
    }
    lane.attempts = 1;
    lane.detail = `${this.#options.pendingMax} are pending already`;
    this.#bury(lane);
    return [this.#record(message, { attempt: 1, outcome: 'dead', detail: lane.detail, atMs: nowMs })];
  }

  #makeRoom(): void {
    if (this.#pending.size < this.#options.pendingMax) return;
    for (const [alertKey, { kind }] of this.#pending)
      if (kind === 'pending') return void this.#pending.delete(alertKey);
  }

  #absent(lane: Lane, holdUntilMs: number): readonly DeliveryAttempt[] {
    this.#holdUntilMs = holdUntilMs;
    this.#renew(lane, lane.next ?? lane.message, holdUntilMs);
    return [];
  }

  #judge(
    lane: Lane,
    answer: Exclude<Answer, { kind: 'absent' }>,
    nowMs: number,
    random: () => number,
  ): DeliveryAttempt {
    const { message, attempts, next } = lane;
    const done = { attempt: attempts, status: answer.status, atMs: nowMs };
    if (answer.kind === 'delivered') {
      this.#forget(message.alertKey);
      return this.#record(message, { ...done, outcome: 'delivered', detail: '' });
    }
    if (answer.kind === 'gone') {
      this.#putOff(lane, nowMs);
      return this.#record(message, { ...done, outcome: 'disabled', detail: 'HTTP 410: disabled until it is enabled' });
    }
    lane.detail = answer.detail;
    const failed = { ...done, detail: answer.detail };
    if (next !== null) return this.#record(message, { ...failed, outcome: 'failed' });
    const pauseMs = pauseAfter(attempts, answer.retryAfterMs, random);
    if (pauseMs === null) {
      this.#bury(lane);
      return this.#record(message, { ...failed, outcome: 'dead' });
    }
    this.#putOff(lane, nowMs + pauseMs);
    return this.#record(message, { ...failed, outcome: 'failed', nextAtMs: nowMs + pauseMs });
  }

  #renew(lane: Lane, message: Message, nowMs: number): void {
    Object.assign(lane, { message, kind: 'pending', attempts: 0, next: null, detail: '' });
    this.#putOff(lane, nowMs);
  }

  #putOff(lane: Lane, dueMs: number): void {
    lane.dueMs = dueMs;
    this.#earliestMs = Math.min(this.#earliestMs, dueMs);
  }

  #bury(lane: Lane): void {
    const { alertKey } = lane.message;
    lane.kind = 'dead';
    this.#forget(alertKey);
    this.#dead.set(alertKey, lane);
    const [longest] = this.#dead.keys();
    if (this.#dead.size <= this.#options.deadMax || longest === undefined) return;
    this.#dead.delete(longest);
    this.#deadForgotten += 1;
  }

  #forget(alertKey: string): void {
    this.#pending.delete(alertKey);
    this.#dead.delete(alertKey);
  }

  #replaced(message: Message, attempt: number, atMs: number): DeliveryAttempt {
    return this.#record(message, { attempt, outcome: 'replaced', detail: 'a newer transition took its place', atMs });
  }

  #record(
    { webhookId, alertId, transition }: Message,
    what: Pick<DeliveryAttempt, 'attempt' | 'outcome' | 'detail' | 'atMs'> & Partial<DeliveryAttempt>,
  ): DeliveryAttempt {
    const { endpoint } = this.#options;
    return { kind: 'delivery', webhookId, endpoint, alertId, transition, status: null, nextAtMs: null, ...what };
  }
}
