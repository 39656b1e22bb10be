// The service that tells endpoints about alerts: reads `millrace.alerts`, delivers, puts every attempt on `millrace.deliveries`.
// Guarantees: a transition decided while an endpoint is configured is delivered, replaced by a newer one, or on its dead list, over any
// crash; nothing waits for an endpoint; bounded memory. What of it is under way when a process dies is sent again, same id, same bytes.
// Redelivery: transitions that were read before are dropped; so restarts and deposed tasks cause no second delivery.
import type { Membership } from '../../kafka/contract.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';
import { Deliverer, type DelivererOptions } from './deliverer.ts';
import type { EndpointStatus } from './endpoint.ts';

export interface WebhookServiceOptions extends DelivererOptions {
  /** Over the topic of the alerts, not started; closed by `drain`. */
  readonly membership: Membership;
  /** How long `drain` may take; what is under way then is sent again at the next start. */
  readonly drainTimeoutMs?: number;
}

export interface WebhookStatus extends ServiceStatus {
  readonly endpoints: readonly EndpointStatus[];
}

export interface WebhookService extends Service {
  status(): WebhookStatus;
}

const commitEveryMs = 1_000;
const restoreRetryMs = 1_000;
const idleWaitMs = 500;

/** Not started. `start` resolves at once: a broker or ClickHouse that is away is waited for. */
export function createWebhookService(options: WebhookServiceOptions): WebhookService {
  return new Webhooks(options);
}

class Webhooks implements WebhookService {
  readonly #options: WebhookServiceOptions;
  readonly #deliverer: Deliverer;
  readonly #stopping = new AbortController();
  readonly #owned = new Set<number>();
  #state: ServiceStatus['state'] = 'starting';
  #detail: string | undefined;
  /** What the membership said last is not acted on yet. */
  #isChanged = false;
  #isFailed = false;
  /** Waits for records, or restores: a drain need not wait with it. */
  #isIdle = false;
  #committedAtMs = 0;
  #committing: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();
  #draining: Promise<void> | undefined;

  constructor(options: WebhookServiceOptions) {
    this.#options = options;
    this.#deliverer = new Deliverer(options, (error) => this.#fail(error));
  }

  async start(): Promise<void> {
    const change =
      (act: (partition: number) => void) =>
      (places: readonly { readonly partition: number }[]): void => {
        for (const { partition } of places) act(partition);
        this.#isChanged = true;
        this.#deliverer.pause();
      };
    await this.#options.membership.start({
      assigned: change((partition) => this.#owned.add(partition)),
      revoked: change((partition) => this.#owned.delete(partition)),
      failed: (error) => this.#fail(error),
    });
    this.#state = 'running';
    this.#running = this.#run().catch((error: unknown) => this.#fail(error));
  }

  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  status(): WebhookStatus {
    const endpoints = this.#deliverer.status();
    const detail = this.#detail ?? this.#deliverer.trouble() ?? endpoints.map(lineOf).join('; ');
    return { state: this.#state, detail, endpoints };
  }

  async #run(): Promise<void> {
    const { clock, reader } = this.#options;
    while (!this.#stopping.signal.aborted) {
      if (this.#isChanged || this.#deliverer.isStale()) await this.#idle(this.#restore());
      if (this.#stopping.signal.aborted) return;
      const read = await this.#deliverer.step();
      if (clock.nowMs() - this.#committedAtMs >= commitEveryMs) this.#commitSoon();
      const waitMs = Math.min(idleWaitMs, this.#deliverer.nextDueMs() - clock.nowMs());
      if (read === 0) await this.#idle(reader.wait(Math.max(1, waitMs)));
    }
  }

  async #idle(waiting: Promise<unknown>): Promise<void> {
    this.#isIdle = true;
    await waiting;
    this.#isIdle = false;
  }

  /** Tries until it can, or everything stops. */
  async #restore(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#isChanged = false;
    try {
      await this.#deliverer.restore(new Set(this.#owned), this.#stopping.signal);
      this.#detail = undefined;
      const endpoints = this.#deliverer.status();
      logger.info({ partitions: [...this.#owned], endpoints }, 'webhooks restored what is to be delivered');
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      const detail = `waits to restore what is to be delivered: ${messageOf(error)}`;
      if (detail !== this.#detail) logger.warn({ err: messageOf(error) }, 'webhooks cannot restore yet; trying again');
      this.#detail = detail;
      this.#isChanged = true;
      await clock.sleep(restoreRetryMs, this.#stopping.signal);
    }
  }

  /** Nobody who is to be told waits for it. */
  #commitSoon(): void {
    this.#committing ??= this.#commit().finally(() => (this.#committing = null));
  }

  /** For Kafka's tools and an embedded broker's gate: nothing is read back. What fails is covered by the next one. */
  async #commit(): Promise<void> {
    this.#committedAtMs = this.#options.clock.nowMs();
    const offsets = this.#deliverer.uncommitted();
    if (offsets.length === 0) return;
    await this.#options.membership.commit(offsets).then(
      () => this.#deliverer.committed(offsets),
      (error: unknown) => this.#options.logger.warn({ err: messageOf(error) }, 'webhooks could not commit'),
    );
  }

  async #drain(): Promise<void> {
    const { clock, membership, drainTimeoutMs = 3_000 } = this.#options;
    const timer = new AbortController();
    this.#deliverer.pause();
    this.#stopping.abort();
    const stepped = this.#isIdle ? Promise.resolve() : this.#running;
    const settled = stepped.then(() => this.#deliverer.settled());
    await Promise.race([settled, clock.sleep(drainTimeoutMs, timer.signal)]);
    timer.abort();
    await this.#committing;
    if (!this.#isFailed) await this.#commit();
    await this.#deliverer.close();
    await membership.close();
    this.#state = 'stopped';
  }

  #fail(error: unknown): void {
    if (this.#isFailed || this.#draining) return;
    this.#isFailed = true;
    this.#state = 'failed';
    this.#detail = messageOf(error);
    this.#deliverer.pause();
    this.#stopping.abort();
    this.#options.logger.error({ err: this.#detail }, 'webhooks failed');
  }
}

const lineOf = ({ name, delivered, pending, dead }: EndpointStatus): string =>
  `${name}: ${delivered} delivered, ${pending} pending${dead === 0 ? '' : `, ${dead} dead`}`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
