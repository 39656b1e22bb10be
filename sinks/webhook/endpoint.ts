// One endpoint at work: its queue, its sender, and what is under way.
// Guarantees: at most `inFlightMax` attempts at a time; every answer becomes a record, those after `close` none.
// Redelivery: the queue drops what is not newer than what it has.
import type { Alert, AlertTransition, DeliveryAttempt } from '../../events/decisions.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { AddressRange } from './addresses.ts';
import { EndpointQueue, type Sending } from './endpoint-queue.ts';
import type { Message } from './message.ts';
import type { WebhookMetrics } from './metrics.ts';
import { createSender, type Sender } from './send.ts';
import type { SigningSecrets } from './sign.ts';

export interface EndpointOptions {
  readonly name: string;
  readonly url: string;
  readonly secrets: SigningSecrets;
  readonly transitions: readonly AlertTransition[];
  readonly severityMin: Alert['severity'];
  /** Empty: all. */
  readonly pipelines: readonly string[];
  readonly timeoutMs: number;
  readonly inFlightMax: number;
  /** Addresses that may be called besides public ones. */
  readonly allowed: readonly AddressRange[];
  readonly pendingMax: number;
  readonly deadMax: number;
  /**
   * A receiver at a terminal: that nobody listens is no failure, the newest few transitions wait for whoever comes, and none is
   * kept over a restart.
   */
  readonly isTerminal: boolean;
}

export interface EndpointParts {
  readonly clock: Clock;
  /** [0, 1). */
  readonly random: () => number;
  readonly metrics: WebhookMetrics;
  /** Takes what is to be put on `millrace.deliveries`. */
  readonly record: (records: readonly DeliveryAttempt[]) => void;
  /** False: no attempt may be started now. */
  readonly mayStart: () => boolean;
}

export interface EndpointStatus {
  readonly name: string;
  readonly pending: number;
  readonly dead: number;
  readonly isDisabled: boolean;
  readonly delivered: number;
  readonly failed: number;
}

const severities: readonly Alert['severity'][] = ['low', 'medium', 'high'];
const absentPauseMs = 1_000;

export class Endpoint {
  readonly options: EndpointOptions;
  readonly #parts: EndpointParts;
  readonly #sender: Sender;
  readonly #underWay = new Set<Promise<void>>();
  #queue: EndpointQueue;
  #delivered = 0;
  #failed = 0;
  #isClosed = false;

  constructor(options: EndpointOptions, parts: EndpointParts) {
    const { url, secrets, allowed, timeoutMs, inFlightMax } = options;
    this.options = options;
    this.#parts = parts;
    const absentPause = options.isTerminal ? absentPauseMs : null;
    const connections = { connectionsMax: inFlightMax, absentPauseMs: absentPause };
    this.#sender = createSender({ url, secrets, allowed, timeoutMs, ...connections, clock: parts.clock });
    this.#queue = newQueue(options);
  }

  /** What waits and what is dead; empty again after `forget`. */
  get queue(): EndpointQueue {
    return this.#queue;
  }

  wants({ pipeline, severity }: Alert): boolean {
    const { pipelines, severityMin } = this.options;
    const isListed = pipelines.length === 0 || pipelines.includes(pipeline);
    return isListed && severities.indexOf(severity) >= severities.indexOf(severityMin);
  }

  take(message: Message): void {
    this.#record(this.#queue.take(message, this.#parts.clock.nowMs()));
  }

  restore(message: Message, last: DeliveryAttempt | null): void {
    this.#record(this.#queue.restore(message, last, this.#parts.clock.nowMs()));
  }

  /** Starts what is due. */
  pump(): void {
    if (this.#isClosed || !this.#parts.mayStart()) return;
    for (const sending of this.#queue.start(this.#parts.clock.nowMs())) {
      const attempt = this.#attempt(sending).finally(() => this.#underWay.delete(attempt));
      this.#underWay.add(attempt);
    }
  }

  /** Resolves when nothing is under way; nothing must be started meanwhile. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** To be restored anew. Not while something is under way. */
  forget(): void {
    this.#queue = newQueue(this.options);
  }

  measure(): void {
    const { pending, dead, deadForgotten, isDisabled } = this.#queue.status();
    const { metrics } = this.#parts;
    const endpoint = this.options.name;
    metrics.pending.set({ endpoint }, pending);
    metrics.dead.set({ endpoint }, dead);
    metrics.deadForgotten.set({ endpoint }, deadForgotten);
    metrics.disabled.set({ endpoint }, isDisabled ? 1 : 0);
  }

  status(): EndpointStatus {
    const { pending, dead, isDisabled } = this.#queue.status();
    return { name: this.options.name, pending, dead, isDisabled, delivered: this.#delivered, failed: this.#failed };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sender.close();
  }

  async #attempt(sending: Sending): Promise<void> {
    const { clock, random, metrics } = this.#parts;
    const endpoint = this.options.name;
    const startedMs = clock.nowMs();
    const answer = await this.#sender.send(sending.message);
    if (this.#isClosed) return;
    const nowMs = clock.nowMs();
    metrics.attemptSeconds.observe({ endpoint }, Math.max(0, nowMs - startedMs) / 1_000);
    if (answer.kind === 'delivered')
      metrics.delaySeconds.observe({ endpoint }, Math.max(0, nowMs - sending.message.clockMs) / 1_000);
    this.#record(this.#queue.answered(sending, answer, nowMs, random));
    this.pump();
  }

  #record(records: readonly DeliveryAttempt[]): void {
    for (const { endpoint, outcome } of records) {
      this.#parts.metrics.attempts.inc({ endpoint, outcome });
      if (outcome === 'delivered') this.#delivered += 1;
      else if (outcome !== 'replaced') this.#failed += 1;
    }
    this.#parts.record(records);
  }
}

function newQueue({ name, transitions, pendingMax, deadMax, inFlightMax, isTerminal }: EndpointOptions): EndpointQueue {
  const bounds = { pendingMax, deadMax, inFlightMax };
  const whenFull = isTerminal ? 'forget-oldest' : 'bury';
  return new EndpointQueue({ endpoint: name, transitions, ...bounds, whenFull });
}
