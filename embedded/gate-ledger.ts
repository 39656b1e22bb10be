/**
 * Who may produce how much, so that the embedded broker never has to drop a record that somebody still reads. Per topic
 * partition: credit given out and not yet reported + bytes reported and not yet read by the slowest configured group stay
 * under `bytesMax`. Pure: no clock, no sockets. Topics that no group reads are not bounded.
 */
export interface GateGroup {
  readonly groupId: string;
  readonly topics: readonly string[];
}

export interface LedgerOptions {
  readonly bytesMax: number;
  readonly groups: readonly GateGroup[];
}

/** A partition as the wire names it: `topic-partition`. */
type Name = string;

interface Account {
  readonly name: Name;
  /** Credit by holder, taken and not yet reported. */
  readonly credit: Map<number, number>;
  /** Bytes below each end offset, ascending. */
  readonly unread: { readonly endOffset: number; readonly bytes: number }[];
  /** Credit of holders that died, until the partition's end after their death is known. */
  orphanBytes: number;
  usedBytes: number;
  readonly committed: Map<string, number>;
  readonly waiting: Ask[];
}

interface Ask {
  readonly holder: number;
  readonly needBytes: number;
  readonly wantBytes: number;
}

export interface Grant {
  readonly holder: number;
  readonly name: Name;
  readonly bytes: number;
}

export class GateLedger {
  readonly #bytesMax: number;
  readonly #groupsOf = new Map<string, string[]>();
  readonly #accounts = new Map<Name, Account>();

  constructor({ bytesMax, groups }: LedgerOptions) {
    this.#bytesMax = bytesMax;
    for (const { groupId, topics } of groups) {
      for (const topic of topics) this.#groupsOf.set(topic, [...(this.#groupsOf.get(topic) ?? []), groupId]);
    }
  }

  isBounded(name: Name): boolean {
    return this.#groupsOf.has(topicOf(name));
  }

  /**
   * Credit for a holder: at least `needBytes`, up to `wantBytes`; 0: none now, the ask waits its turn. A message larger than
   * the bound passes when the partition is empty.
   */
  take(holder: number, name: Name, needBytes: number, wantBytes: number): number {
    const account = this.#account(name);
    const granted = account.waiting.length === 0 ? this.#tryGrant(account, { holder, needBytes, wantBytes }) : 0;
    if (granted === 0) account.waiting.push({ holder, needBytes, wantBytes });
    return granted;
  }

  /** Credit became records: `bytes` of them, all below `nextOffset`. */
  delivered(holder: number, name: Name, nextOffset: number, bytes: number): void {
    const account = this.#account(name);
    const credit = account.credit.get(holder) ?? 0;
    const known = Math.min(credit, bytes);
    account.credit.set(holder, credit - known);
    account.usedBytes += bytes - known;
    this.#insert(account, nextOffset, bytes);
  }

  /** A holder that left in order: its credit was not used. */
  left(holder: number): void {
    for (const account of this.#accounts.values()) {
      account.usedBytes -= account.credit.get(holder) ?? 0;
      this.#forget(account, holder);
    }
  }

  /**
   * A holder that vanished: its credit may have become records that nobody reported, so it stays used. Gives the partitions
   * whose end offset must be looked up now and told to `orphansEndAt`.
   */
  died(holder: number): readonly Name[] {
    const names: Name[] = [];
    for (const account of this.#accounts.values()) {
      const credit = account.credit.get(holder) ?? 0;
      this.#forget(account, holder);
      if (credit === 0) continue;
      account.orphanBytes += credit;
      names.push(account.name);
    }
    return names;
  }

  /** What the dead may have produced lies below this offset. */
  orphansEndAt(name: Name, endOffset: number): void {
    const account = this.#account(name);
    this.#insert(account, endOffset, account.orphanBytes);
    account.orphanBytes = 0;
  }

  /** A group has read everything below `nextOffset`. */
  committed(groupId: string, name: Name, nextOffset: number): void {
    const account = this.#account(name);
    account.committed.set(groupId, Math.max(nextOffset, 0));
    this.#release(account);
  }

  /** Grants for those who waited, where there is room now. */
  serveWaiting(): readonly Grant[] {
    const grants: Grant[] = [];
    for (const account of this.#accounts.values()) {
      for (let ask = account.waiting[0]; ask !== undefined; ask = account.waiting[0]) {
        const bytes = this.#tryGrant(account, ask);
        if (bytes === 0) break;
        account.waiting.shift();
        grants.push({ holder: ask.holder, name: account.name, bytes });
      }
    }
    return grants;
  }

  /** The partitions that hold unread bytes, by the groups that have to read them. */
  unreadByGroup(): ReadonlyMap<string, readonly Name[]> {
    const byGroup = new Map<string, Name[]>();
    for (const { name, unread } of this.#accounts.values()) {
      if (unread.length === 0) continue;
      for (const groupId of this.#groupsOf.get(topicOf(name)) ?? []) {
        byGroup.set(groupId, [...(byGroup.get(groupId) ?? []), name]);
      }
    }
    return byGroup;
  }

  /** Somebody waits for room, or soon will: what has been read meanwhile counts now. */
  isPressed(): boolean {
    for (const { waiting, usedBytes } of this.#accounts.values())
      if (waiting.length > 0 || usedBytes * 2 > this.#bytesMax) return true;
    return false;
  }

  usedBytes(name: Name): number {
    return this.#accounts.get(name)?.usedBytes ?? 0;
  }

  #account(name: Name): Account {
    let account = this.#accounts.get(name);
    if (account === undefined) {
      account = {
        name,
        credit: new Map(),
        unread: [],
        orphanBytes: 0,
        usedBytes: 0,
        committed: new Map(),
        waiting: [],
      };
      this.#accounts.set(name, account);
    }
    return account;
  }

  #tryGrant(account: Account, { holder, needBytes, wantBytes }: Ask): number {
    const roomBytes = this.#bytesMax - account.usedBytes;
    if (roomBytes < needBytes && account.usedBytes > 0) return 0;
    const bytes = Math.max(needBytes, Math.min(wantBytes, roomBytes));
    account.credit.set(holder, (account.credit.get(holder) ?? 0) + bytes);
    account.usedBytes += bytes;
    return bytes;
  }

  #insert(account: Account, endOffset: number, bytes: number): void {
    let at = account.unread.length;
    while (at > 0 && (account.unread[at - 1]?.endOffset ?? 0) > endOffset) at--;
    account.unread.splice(at, 0, { endOffset, bytes });
    this.#release(account);
  }

  #release(account: Account): void {
    const groups = this.#groupsOf.get(topicOf(account.name)) ?? [];
    const readTo = Math.min(...groups.map((groupId) => account.committed.get(groupId) ?? 0));
    const read = account.unread.findIndex(({ endOffset }) => endOffset > readTo);
    const released = account.unread.splice(0, read === -1 ? account.unread.length : read);
    account.usedBytes -= released.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #forget(account: Account, holder: number): void {
    account.credit.delete(holder);
    const others = account.waiting.filter((ask) => ask.holder !== holder);
    account.waiting.splice(0, account.waiting.length, ...others);
  }
}

const topicOf = (name: Name): string => name.slice(0, name.lastIndexOf('-'));
