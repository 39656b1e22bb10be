// What was said about one endpoint: since when it is told things, whether it is disabled, what was to be sent again.
// A fold over notes and attempts, in any order. Redelivery: the same record again changes nothing.
import type { DeliveryAttempt, DeliveryRecord } from '../../events/decisions.ts';

export class EndpointHistory {
  #addedAtMs: number | null = null;
  #enabledAtMs = -Infinity;
  #disabledAtMs = -Infinity;
  #allResentAtMs = -Infinity;
  /** By webhook id. Bounded by what people ask for by hand. */
  readonly #resentAtMs = new Map<string, number>();

  add(record: DeliveryRecord): void {
    const { kind, webhookId, atMs } = record;
    if (kind === 'delivery') {
      if (record.outcome === 'disabled') this.disabledAt(atMs);
    } else if (record.note === 'added') this.#addedAtMs = Math.min(this.#addedAtMs ?? atMs, atMs);
    else if (record.note === 'enabled') this.#enabledAtMs = Math.max(this.#enabledAtMs, atMs);
    else if (webhookId === '') this.#allResentAtMs = Math.max(this.#allResentAtMs, atMs);
    else this.#resentAtMs.set(webhookId, Math.max(this.#resentAtMs.get(webhookId) ?? atMs, atMs));
  }

  disabledAt(atMs: number): void {
    this.#disabledAtMs = Math.max(this.#disabledAtMs, atMs);
  }

  /** Transitions decided from then on are its own; null: it was never seen. */
  addedAtMs(): number | null {
    return this.#addedAtMs;
  }

  isDisabled(): boolean {
    return this.#disabledAtMs > this.#enabledAtMs;
  }

  /** Whether somebody asked for it after it was dead. */
  isResent({ webhookId, atMs }: DeliveryAttempt): boolean {
    return Math.max(this.#allResentAtMs, this.#resentAtMs.get(webhookId) ?? -Infinity) >= atMs;
  }
}
