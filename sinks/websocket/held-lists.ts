// The newest list of every visitor, for GET /v1/recommendations: an answer waits for nobody. From the topic, and once at the start, page
// by page, from ClickHouse.
// Guarantees: of a visitor the newest list, whatever came first; once all have been read, a visitor who is not held has none; bounded in
// bytes: those whose list came first leave, and from then on it is not known any more who has none. Redelivery: changes nothing.
import type { RankedItem, RecommendationList } from '../../events/insights.ts';
import type { NextOffset } from '../../kafka/contract.ts';
import { topicPartitionName, type TopicPartition } from '../../sources/source.ts';

/** What is known of a list without ClickHouse. */
export type HeldList = Pick<RecommendationList, 'list' | 'key' | 'items' | 'eventTimeMs' | 'revision'>;

export interface HeldListsOptions {
  readonly bytesMax: number;
  /** Visitors' lists as ClickHouse has them, by key: some of those after this one; none: there are no more. */
  readonly storedAfter: (key: string) => Promise<readonly RecommendationList[]>;
  /** What the ClickHouse sink has committed of the topic of lists. */
  readonly committed: () => Promise<readonly NextOffset[]>;
}

interface Held {
  /** Items without their names, as JSON: a tenth of the memory that the objects take. */
  readonly text: string;
  readonly eventTimeMs: number;
  readonly revision: bigint;
  readonly index: number;
}

/** Of an entry besides its text, about. */
const entryBytes = 250;
const retryMs = 5_000;
/** Of `bytesMax`: so much is filled from ClickHouse. */
const loadedPart = 0.9;

export class HeldLists {
  readonly #options: HeldListsOptions;
  /** The one whose list came first first. */
  readonly #byUser = new Map<string, Held>();
  /** What was not read of the topic, by partition: everything before. */
  readonly #unread = new Map<string, bigint>();
  #bytes = 0;
  #hasEvicted = false;
  /** Counts the times that everything had to be read again. */
  #load = 0;
  #isLoaded = false;
  /** Nothing is read before it is known where the topic is read from. */
  #nextLoadMs = Infinity;

  constructor(options: HeldListsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byUser.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** All that ClickHouse had was read. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Null: this visitor has none; undefined: it is not known. */
  get(userId: string): HeldList | null | undefined {
    const held = this.#byUser.get(userId);
    if (!held) return this.#isLoaded && !this.#hasEvicted ? null : undefined;
    const { text, eventTimeMs, revision } = held;
    return { list: 'personal', key: userId, items: itemsOf(text), eventTimeMs, revision: String(revision) };
  }

  put({ key, items, eventTimeMs, revision: text, producer: { index } }: RecommendationList): void {
    const revision = BigInt(text);
    const known = this.#byUser.get(key);
    if (known && (known.revision > revision || (known.revision === revision && known.index >= index))) return;
    const held: Held = { text: textOf(items), eventTimeMs, revision, index };
    this.#byUser.delete(key);
    this.#byUser.set(key, held);
    this.#bytes += bytesOf(key, held) - (known ? bytesOf(key, known) : 0);
    if (this.#bytes > this.#options.bytesMax) this.#evict();
  }

  /** Where reading of a partition begins, or goes on after a gap: what was before is in ClickHouse only. */
  readsFrom(tp: TopicPartition, fromOffset: bigint): void {
    this.#unread.set(topicPartitionName(tp), fromOffset);
    this.#isLoaded = false;
    this.#load += 1;
    this.#nextLoadMs = 0;
  }

  /** Reads what ClickHouse has, until it has been read once. To be called now and then. */
  keepTime(nowMs: number): void {
    if (nowMs < this.#nextLoadMs) return;
    this.#nextLoadMs = Infinity;
    const load = this.#load;
    const again = (): void => {
      if (load === this.#load) this.#nextLoadMs = nowMs + retryMs;
    };
    this.#read(load).then((isDone) => {
      if (!isDone) return again();
      if (load === this.#load) this.#isLoaded = true;
    }, again);
  }

  /** False while the sink has not come to where the topic is read from: what lies between is nowhere to be seen. */
  async #read(load: number): Promise<boolean> {
    const committed = new Map((await this.#options.committed()).map((at) => [topicPartitionName(at), at.nextOffset]));
    for (const [name, unreadTo] of this.#unread) if (unreadTo > (committed.get(name) ?? 0n)) return false;
    for (let after = ''; load === this.#load;) {
      // What came by the topic is newer: it is not put out by what is stored.
      if (this.#bytes > this.#options.bytesMax * loadedPart) this.#hasEvicted = true;
      if (this.#hasEvicted) return true;
      const lists = await this.#options.storedAfter(after);
      for (const list of lists) this.put(list);
      const last = lists.at(-1);
      if (!last) return true;
      after = last.key;
    }
    return true;
  }

  #evict(): void {
    this.#hasEvicted = true;
    for (const [userId, held] of this.#byUser) {
      if (this.#bytes <= this.#options.bytesMax) return;
      this.#byUser.delete(userId);
      this.#bytes -= bytesOf(userId, held);
    }
  }
}

const bytesOf = (userId: string, { text }: Held): number => userId.length + Buffer.byteLength(text) + entryBytes;

type Flat = readonly (string | number | null)[];

const fields = 4;

const textOf = (items: readonly RankedItem[]): string =>
  JSON.stringify(items.flatMap(({ itemId, score, reason, from }) => [itemId, score, reason, from ?? null]));

function itemsOf(text: string): RankedItem[] {
  const flat = JSON.parse(text) as Flat;
  const items: RankedItem[] = [];
  for (let at = 0; at < flat.length; at += fields) {
    const itemId = flat[at] as string;
    const score = flat[at + 1] as number;
    const reason = flat[at + 2] as string;
    const from = flat[at + 3] as RankedItem['from'] | null;
    items.push(from ? { itemId, score, reason, from } : { itemId, score, reason });
  }
  return items;
}
