// The channels `trending` and `recommendations:<user>`, both from the topic of the lists, and what GET /v1/recommendations asks first.
// Guarantees: of a key the newest list, whatever came first; bounded: the visitors whose list came last. What came before the topic's
// tail is asked of ClickHouse: trending and what HTTP serves at the start, a visitor's list when somebody subscribes to it.
// Redelivery: changes nothing.
import type { RecommendationList } from '../../events/insights.ts';
import { resultTopics } from '../../events/topics.ts';
import type { LiveRow } from '../../live/messages.ts';
import { type Channel, parseNoParams } from './channel.ts';
import { decodeRow } from './decode-row.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import { type HeldList, HeldLists } from './held-lists.ts';
import type { GatewayLimits } from './limits.ts';
import { LiveView, type LiveViewLimits } from './live-view.ts';
import type { TopicChannel } from './topic-channel.ts';
import type { CommittedPositions } from './window-builder.ts';

/** Lists as ClickHouse has them: that of one key; or some of those after a key, by key; or all. */
export type StoredLists = (list: RecommendationList['list'], of?: ListsOf) => Promise<readonly RecommendationList[]>;

export type ListsOf =
  { readonly key: string; readonly after?: never } | { readonly after: string; readonly key?: never };

export interface RecommendationChannels {
  /** Takes every list of the topic. */
  readonly trending: TopicChannel;
  /** Holds visitors' lists; to be subscribed to by `ofVisitor` only. */
  readonly visitors: Channel;
  /** The channel of this name; undefined: it is not of this kind. */
  ofVisitor(name: string): Channel | undefined;
  /** A list that is held now; null: there is none; undefined: it is not known here. */
  held(list: RecommendationList['list'], key: string): HeldList | null | undefined;
}

export interface RecommendationChannelsOptions {
  readonly limits: LiveViewLimits & Pick<GatewayLimits, 'visitorsMax' | 'listTailRecords' | 'listBytesMax'>;
  readonly storedLists: StoredLists;
  readonly committedPositions: CommittedPositions;
  readonly metrics: Pick<GatewayMetrics, 'lists' | 'listBytes'>;
}

const prefix = 'recommendations:';
/** ClickHouse is asked for trending lists until it answers. */
const retryMs = 5_000;
/** Visitors' lists that are asked for at once; a subscriber beyond gets what is pushed. */
const loadsMax = 50;

export function createRecommendationChannels(options: RecommendationChannelsOptions): RecommendationChannels {
  return new Channels(options);
}

class Channels implements RecommendationChannels {
  readonly #options: RecommendationChannelsOptions;
  readonly #trending: LiveView;
  readonly #visitors: LiveView;
  /** Visitors held, the one whose list came first first. */
  readonly #visitorIds = new Set<string>();
  readonly #loading = new Set<string>();
  readonly #lists: HeldLists;
  #nextLoadMs = 0;
  readonly trending: TopicChannel;
  readonly visitors: Channel;

  constructor(options: RecommendationChannelsOptions) {
    this.#options = options;
    this.#trending = new LiveView(options.limits);
    this.#visitors = new LiveView(options.limits);
    this.#visitors.readiness = 'complete';
    const { storedLists, committedPositions } = options;
    this.#lists = new HeldLists({
      bytesMax: options.limits.listBytesMax,
      committed: () => committedPositions([resultTopics.recommendations]),
      storedAfter: async (after) => {
        if (after === '') for (const list of await storedLists('trending')) this.#put(list);
        return storedLists('personal', { after });
      },
    });
    this.trending = {
      name: 'trending',
      topic: resultTopics.recommendations,
      tailRecords: options.limits.listTailRecords,
      view: this.#trending,
      parse: parseNoParams,
      add: (batch, index) => {
        const row = decodeRow(batch, index, 'recommendation-list');
        if (!row || !isList(row)) return false;
        this.#put(row as unknown as RecommendationList);
        return true;
      },
      readsFrom: (tp, fromOffset) => this.#lists.readsFrom(tp, fromOffset),
      keepTime: (nowMs) => {
        this.#loadTrending(nowMs);
        this.#lists.keepTime(nowMs);
        options.metrics.lists.set(this.#lists.size);
        options.metrics.listBytes.set(this.#lists.bytes);
      },
    };
    const why = 'ask for recommendations:<user>';
    this.visitors = { name: 'recommendations', view: this.#visitors, parse: () => ({ kind: 'bad', why }) };
  }

  ofVisitor(name: string): Channel | undefined {
    if (!name.startsWith(prefix) || name.length === prefix.length) return undefined;
    const userId = name.slice(prefix.length);
    return {
      name,
      view: this.#visitors,
      parse: (params) => {
        const parsed = parseNoParams(params);
        if (parsed.kind === 'bad') return parsed;
        this.#loadVisitor(userId);
        return { kind: 'ok', filter: { key: '', matches: ({ row }) => (row as RecommendationList).key === userId } };
      },
    };
  }

  held(list: RecommendationList['list'], key: string): HeldList | null | undefined {
    if (list === 'personal') return this.#lists.get(key);
    const row = list === 'trending' ? this.#trending.get(key)?.row : undefined;
    return (row as RecommendationList | undefined) ?? (list === 'trending' && this.#lists.isLoaded ? null : undefined);
  }

  #put(list: RecommendationList): void {
    if (list.list === 'trending') this.#trending.put(rowOf(list));
    if (list.list !== 'personal') return;
    this.#lists.put(list);
    this.#visitors.put(rowOf(list));
    this.#visitorIds.delete(list.key);
    this.#visitorIds.add(list.key);
    if (this.#visitorIds.size <= this.#options.limits.visitorsMax) return;
    for (const oldest of this.#visitorIds) {
      this.#visitorIds.delete(oldest);
      this.#visitors.expire(oldest);
      return;
    }
  }

  /** Subscribers are held until the first answer, be it that there is none: what is missing is pushed within a minute. */
  #loadTrending(nowMs: number): void {
    if (nowMs < this.#nextLoadMs) return;
    this.#nextLoadMs = Infinity;
    this.#options.storedLists('trending').then(
      (lists) => {
        for (const list of lists) this.#put(list);
        this.#trending.readiness = 'complete';
      },
      () => {
        this.#trending.readiness = 'complete';
        this.#nextLoadMs = nowMs + retryMs;
      },
    );
  }

  #loadVisitor(userId: string): void {
    if (this.#visitors.get(userId) || this.#loading.has(userId) || this.#loading.size >= loadsMax) return;
    this.#loading.add(userId);
    const load = async (): Promise<void> => {
      for (const list of await this.#options.storedLists('personal', { key: userId })) this.#put(list);
    };
    void load()
      .catch(() => {})
      .finally(() => this.#loading.delete(userId));
  }
}

/** An entry may publish two minutes of one trending list, at one revision: the later output is the newer. */
function rowOf(list: RecommendationList): LiveRow<RecommendationList> {
  const { key, revision, producer } = list;
  return { id: key, revision: String(BigInt(revision) * outputsMax + BigInt(producer.index)), row: list };
}

/** More than any entry publishes. */
const outputsMax = 1_000_000n;

function isList({ list, key, items, producer }: Readonly<Record<string, unknown>>): boolean {
  const index = (producer as { readonly index?: unknown } | undefined)?.index;
  return typeof list === 'string' && typeof key === 'string' && Array.isArray(items) && Number.isInteger(index);
}
