// Who is on which list, and until when. Guarantees: an entry counts before its expiry in event time, and the newest word on it is
// the one that counts. Redelivery: the same entry again changes nothing.
import type { Payment } from '../../../events/payment.ts';
import type { ListEntry } from '../../../events/rule.ts';

const entityOf: Readonly<Record<ListEntry['entityType'], (payment: Payment) => string | undefined>> = {
  card: ({ cardId }) => cardId,
  device: ({ deviceId }) => deviceId,
  terminal: ({ terminalId }) => terminalId,
  merchant: ({ merchantId }) => merchantId,
  country: ({ country }) => country,
};
const entityTypes = Object.keys(entityOf) as readonly ListEntry['entityType'][];

export class Lists {
  /** By list, kind and id: when it ends. */
  private readonly expiresMs = new Map<string, number>();

  apply({ list, entityType, entityId, expiresMs = Infinity, isRemoved = false }: ListEntry): void {
    const key = keyOf(list, entityType, entityId);
    if (isRemoved) this.expiresMs.delete(key);
    else this.expiresMs.set(key, expiresMs);
  }

  isListed(list: string, entityType: string, payment: Payment): boolean {
    if (this.expiresMs.size === 0) return false;
    const entityId = entityOf[entityType as ListEntry['entityType']]?.(payment);
    if (entityId === undefined) return false;
    return payment.eventTimeMs < (this.expiresMs.get(keyOf(list, entityType, entityId)) ?? -Infinity);
  }

  /** The first entity of the payment that is on the list, for a reason; null when none is. */
  firstListed(list: string, payment: Payment): { readonly entityType: string; readonly entityId: string } | null {
    if (this.expiresMs.size === 0) return null;
    const entityType = entityTypes.find((type) => this.isListed(list, type, payment));
    return entityType ? { entityType, entityId: entityOf[entityType](payment) ?? '' } : null;
  }

  get size(): number {
    return this.expiresMs.size;
  }

  snapshot(): readonly (readonly [string, number])[] {
    return [...this.expiresMs];
  }

  restore(saved: readonly (readonly [string, number])[]): void {
    this.expiresMs.clear();
    for (const [key, expiresMs] of saved) this.expiresMs.set(key, expiresMs);
  }
}

const keyOf = (list: string, entityType: string, entityId: string): string =>
  `${list}\u0000${entityType}\u0000${entityId}`;
