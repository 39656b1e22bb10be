// What the tests of the recommendations share: a pipeline, interactions, and the lists that came out. Redelivery: tests only.
import type { RecommendationList } from '../../events/insights.ts';
import { decodeEvent } from '../../events/decode.ts';
import type { Interaction } from '../../events/interaction.ts';
import { createPipeline, type PipelineOptions } from '../../pipeline.ts';
import type { Fold, FoldOutput } from '../../tasks/contract.ts';
import { recommendations, type RecommendationsOptions } from './recommendations.ts';

export const T0 = 1_767_225_600_000;
export const minuteMs = 60_000;

export function pipelineOf(options: Partial<RecommendationsOptions> = {}): Fold {
  return createPipeline<Interaction>({
    processor: recommendations({
      ...{ keysMax: 10_000, halfLifeMs: 1_800_000, coVisitWindowMs: 86_400_000, sessionGapMs: 1_800_000 },
      ...{ trendingEveryMs: 1_000, coVisitedEveryMs: 1_000, listItemsMax: 20, ...options },
    }),
    decode: decodeEvent as PipelineOptions<Interaction>['decode'],
    clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
    outOfOrdernessMs: 5_000,
    dedupe: { horizonMs: 7_200_000, idsMax: 100_000 },
    ...{ shard: 0, shards: 1 },
  });
}

let made = 0;

/** A view of `item-1` by `u`, in session `s`, `atMs` after T0. */
export function interaction({ atMs = 0, ...over }: Partial<Interaction> & { readonly atMs?: number }): Interaction {
  const { userId = 'u', itemId = 'item-1' } = over;
  return {
    ...{ id: `i-${++made}`, type: 'interaction', version: 1, source: 'test', eventTimeMs: T0 + atMs, key: userId },
    ...{ action: 'view', userId, sessionId: `s-${userId}`, itemId, ...over },
  };
}

/** What was published, in order. */
export const listsOf = (outputs: readonly FoldOutput[]): readonly RecommendationList[] =>
  outputs
    .map(({ value }) => JSON.parse(Buffer.from(value).toString()) as RecommendationList)
    .filter(({ kind }) => kind === 'recommendation-list');

/** The newest list of a key; undefined: none. */
export const newestOf = (
  outputs: readonly FoldOutput[],
  list: RecommendationList['list'],
  key: string,
): RecommendationList | undefined => listsOf(outputs).findLast((one) => one.list === list && one.key === key);

export const idsOf = (list: RecommendationList | undefined): readonly string[] =>
  (list?.items ?? []).map(({ itemId }) => itemId);
