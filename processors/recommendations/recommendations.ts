// Recommendations: what trends, which items go together, and a list for every visitor, from views, clicks, carts and purchases.
// Guarantees: every interaction is folded, however late; lists are functions of the records, their order and the logged clock, made of
// whole numbers; a bounded number of lists an entry (docs/recommendations.md says which). Redelivery: duplicates never come here; the same
// entries give the same lists.
import type { RankedItem, RecommendationList } from '../../events/insights.ts';
import type { Interaction } from '../../events/interaction.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Output, Rejected, StreamBatch, StreamRecord } from '../../streams/batch.ts';
import { beginPlain, joined, split } from '../../streams/pieces.ts';
import { stageOf } from '../../streams/stage.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';
import type { Processor } from '../processor.ts';
import { CoVisits } from './co-visits.ts';
import { personalList } from './personal.ts';
import { Sessions } from './sessions.ts';
import { TrendingLists } from './trending-lists.ts';
import { allKey, tileOf, Trending } from './trending.ts';
import { Visitors } from './visitors.ts';
import { Waiting } from './waiting.ts';

export interface RecommendationsOptions {
  /** Items, visitors, sessions with state, of each; an interaction with a new one beyond is a dead letter. */
  readonly keysMax: number;
  /** After so much event time an action counts half of what it did. */
  readonly halfLifeMs: number;
  /** How far back co-visits count. */
  readonly coVisitWindowMs: number;
  /** A session ends when nothing came for so long. */
  readonly sessionGapMs: number;
  /** Steps of the logged clock at which lists that changed are published. */
  readonly trendingEveryMs: number;
  readonly coVisitedEveryMs: number;
  readonly listItemsMax: number;
}

/** Interactions are accepted however late; their ids are remembered for an hour at least. */
const acceptsBehindMs = 3_600_000;
const categoriesMax = 1_000;
/** Lists of a kind that one step or entry publishes, and those that may wait: a flood is drained within seconds. */
const coVisitedPerStepMax = 250;
const coVisitedWaitingMax = 1_000;
const personalPerEntryMax = 100;
const personalWaitingMax = 1_000;

/** An interaction takes a tenth of a millisecond and more, and nothing else has its turn while an entry is folded. */
const entryRecordsMax = 5_000;

export function recommendations(options: RecommendationsOptions): Processor<Interaction> {
  return {
    name: 'recommendations',
    version: 1,
    inputs: ['interactions'],
    eventTypes: ['interaction'],
    stateShape: { trending: 2, coVisits: 3, visitors: 2, lists: 2, coVisitWindowMs: options.coVisitWindowMs },
    acceptsBehindMs,
    entryRecordsMax,
    create: () => stageOf(new Recommendations(options)),
  };
}

class Recommendations {
  private readonly options: RecommendationsOptions;
  private readonly trending: Trending;
  private readonly trendingLists: TrendingLists;
  private readonly coVisits: CoVisits;
  private readonly sessions: Sessions;
  private readonly visitors: Visitors;
  private readonly coVisitedWaiting = new Waiting(coVisitedWaitingMax);
  private readonly personalWaiting = new Waiting(personalWaitingMax);
  private newestMs = -Infinity;
  private coVisitedStep = -Infinity;
  private counts = { folded: 0, outdated: 0, trending_lists: 0, co_visited_lists: 0, personal_lists: 0 };

  constructor(options: RecommendationsOptions) {
    const { keysMax, halfLifeMs, listItemsMax, trendingEveryMs, coVisitWindowMs, sessionGapMs } = options;
    this.options = options;
    this.trending = new Trending({ halfLifeMs, keysMax, listItemsMax, listsMax: categoriesMax });
    this.trendingLists = new TrendingLists(this.trending, { everyMs: trendingEveryMs, listsMax: categoriesMax });
    this.coVisits = new CoVisits({ windowMs: coVisitWindowMs, keysMax, listItemsMax });
    this.sessions = new Sessions({ gapMs: sessionGapMs, keysMax });
    this.visitors = new Visitors(keysMax);
  }

  apply(batch: StreamBatch<Interaction>): StreamBatch<Interaction> {
    const { records, entry } = batch;
    const outputs: Output[] = [...batch.outputs];
    const rejected: Rejected[] = [];
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as StreamRecord<Interaction>;
      if (this.hasRoomFor(record.event)) this.fold(record.event, entry.clockMs, outputs);
      else rejected.push(refusal(record));
    }
    this.publish(entry.clockMs, outputs);
    return { ...batch, outputs, rejected: rejected.length === 0 ? batch.rejected : [...batch.rejected, ...rejected] };
  }

  private hasRoomFor({ itemId, userId, sessionId }: Interaction): boolean {
    const { trending, coVisits, sessions, visitors } = this;
    const hasItem = trending.hasRoomFor(itemId) && coVisits.hasRoomFor(itemId);
    return hasItem && visitors.hasRoomFor(userId) && sessions.hasRoomFor(userId, sessionId);
  }

  private fold(event: Interaction, clockMs: number, outputs: Output[]): void {
    const { itemId, userId, sessionId, eventTimeMs } = event;
    for (const { key, items, eventTimeMs: asOfMs } of this.trendingLists.advance(eventTimeMs, this.newestMs))
      outputs.push(this.output('trending', key, items, asOfMs, clockMs));
    this.newestMs = Math.max(this.newestMs, eventTimeMs);
    const { newestMs } = this;
    this.counts.folded += 1;
    if (this.trending.add(event, newestMs)) this.trendingLists.touch(this.trending.categoryOf(itemId, newestMs));
    else this.counts.outdated += 1;
    const others = this.sessions.visit(userId, sessionId, itemId, eventTimeMs, newestMs);
    if (others) {
      this.coVisits.visit(itemId, others, eventTimeMs, newestMs);
      if (others.length > 0) for (const changed of [itemId, ...others]) this.coVisitedWaiting.add(changed);
    }
    this.visitors.add(event, newestMs);
    this.personalWaiting.add(userId);
    for (const part of [this.trending, this.sessions, this.coVisits, this.visitors]) part.sweep(newestMs);
  }

  /** What is due at the end of an entry. */
  private publish(clockMs: number, outputs: Output[]): void {
    const { newestMs, options } = this;
    for (const { key, items } of this.trendingLists.end(clockMs, newestMs))
      outputs.push(this.output('trending', key, items, newestMs, clockMs));
    const step = Math.floor(clockMs / options.coVisitedEveryMs);
    if (step > this.coVisitedStep) {
      this.coVisitedStep = step;
      for (const itemId of this.coVisitedWaiting.take(coVisitedPerStepMax))
        outputs.push(this.output('co_visited', itemId, this.coVisits.list(itemId, newestMs), newestMs, clockMs));
    }
    for (const userId of this.personalWaiting.take(personalPerEntryMax)) {
      const items = this.personal(userId);
      if (items) outputs.push(this.output('personal', userId, items, newestMs, clockMs));
    }
  }

  /** Null for a visitor who has been forgotten meanwhile. */
  private personal(userId: string): readonly RankedItem[] | null {
    const { newestMs, coVisits, trendingLists } = this;
    const visitor = this.visitors.get(userId, newestMs);
    if (!visitor) return null;
    const category = this.trending.categoryOf(visitor.recent[0] ?? '', newestMs);
    const trending = [
      ...(category === null || category === allKey ? [] : [trendingLists.published(category)]),
      trendingLists.published(allKey),
    ];
    return personalList(visitor, newestMs, { coVisits, trending, listItemsMax: this.options.listItemsMax });
  }

  private output(
    list: RecommendationList['list'],
    key: string,
    items: readonly RankedItem[],
    eventTimeMs: number,
    clockMs: number,
  ): Output {
    this.counts[`${list}_lists`] += 1;
    const body: ListBody = { kind: 'recommendation-list', list, key, items, eventTimeMs, clockMs };
    // Of a trending list each minute is kept.
    const identity = list === 'trending' ? `${list} ${tileOf(eventTimeMs)} ${key}` : `${list} ${key}`;
    return { topic: resultTopics.recommendations, key: `${list} ${key}`, identity, body };
  }

  counters(): Readonly<Record<string, number>> {
    const { counts, trending, sessions, visitors, coVisitedWaiting, personalWaiting } = this;
    return {
      ...counts,
      ...{ items: trending.itemCount, visitors: visitors.size, sessions: sessions.size },
      ...{ co_visited_waiting: coVisitedWaiting.size, co_visited_skipped: coVisitedWaiting.skippedTotal },
      ...{ personal_waiting: personalWaiting.size, personal_skipped: personalWaiting.skippedTotal },
    };
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { newestMs, coVisitedStep, counts, coVisitedWaiting, personalWaiting } = this;
    const plain: SavedPlain = {
      ...{ newestMs, coVisitedStep, counts: { ...counts } },
      ...{ coVisitedWaiting: coVisitedWaiting.snapshot(), personalWaiting: personalWaiting.snapshot() },
    };
    const parts = Object.entries(this.parts()).map(([name, part]) => [name, part.beginSnapshot(pieceBytes)] as const);
    return joined({ plain: beginPlain(plain), ...Object.fromEntries(parts) });
  }

  restore(state: unknown): void {
    const saved = split(state as SlicedState) as Record<string, SlicedState> & { readonly plain: SlicedState };
    const { newestMs, coVisitedStep, counts, coVisitedWaiting, personalWaiting } = saved.plain.head as SavedPlain;
    this.newestMs = newestMs;
    this.coVisitedStep = coVisitedStep;
    Object.assign(this.counts, counts);
    this.coVisitedWaiting.restore(coVisitedWaiting);
    this.personalWaiting.restore(personalWaiting);
    for (const [name, part] of Object.entries(this.parts())) part.restore(saved[name]);
  }

  private parts() {
    const { trending, trendingLists, coVisits, sessions, visitors } = this;
    return { trending, trendingLists, coVisits, sessions, visitors };
  }
}

type ListBody = Omit<RecommendationList, 'pipeline' | 'version' | 'revision' | 'producer'>;

interface SavedPlain {
  readonly newestMs: number;
  readonly coVisitedStep: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly coVisitedWaiting: unknown;
  readonly personalWaiting: unknown;
}

const refusal = ({ batch, index, event }: StreamRecord<Interaction>): Rejected => ({
  ...{ kind: 'dead', batch, index, reason: 'state_full', fieldPath: null, source: event.source, event },
  message: 'a new item, visitor or session, and the limit of keys is reached',
});
