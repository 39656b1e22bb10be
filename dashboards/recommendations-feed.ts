import { computed, effect, signal, untracked } from '@preact/signals';
import type { RecommendationList } from '../events/insights.ts';
import type { LiveClient, LiveSubscription } from '../live/client.ts';
import type { LiveRow } from '../live/messages.ts';
import { oncePerFrame } from './frame.ts';
import { place } from './route.ts';

/** What the page Recommendations shows: subscribed to while it is shown, and only then. `null`: not told yet. */

export const trending = signal<readonly RecommendationList[] | null>(null);

/** The visitor that the address names (`#/recommendations/user-7`); empty: none. */
export const visitorId = computed(() => (isShown.value ? (place.value.rest[0] ?? '') : ''));

/** That visitor's list; `none`: nothing is known of the visitor. */
export const visitorList = signal<RecommendationList | 'none' | null>(null);

const isShown = computed(() => place.value.page === 'recommendations');
const client = signal<LiveClient | null>(null);

/** To be called with each new connection. */
export function followRecommendations(live: LiveClient): void {
  client.value = live;
}

effect(() => {
  const live = client.value;
  trending.value = null;
  if (!live || !isShown.value) return;
  return follow(live, 'trending', (rows) => (trending.value = rows.map(({ row }) => row)));
});

effect(() => {
  const live = client.value;
  visitorList.value = null;
  if (!live || visitorId.value === '') return;
  return follow(live, `recommendations:${visitorId.value}`, ([first]) => (visitorList.value = first?.row ?? 'none'));
});

/** Returns how to stop. */
function follow(
  live: LiveClient,
  channel: 'trending' | `recommendations:${string}`,
  show: (rows: readonly LiveRow<RecommendationList>[]) => void,
): () => void {
  let isOver = false;
  const publish = oncePerFrame(() => {
    if (!isOver) show([...subscription.rows().values()]);
  });
  const close = (): void => {
    if (!isOver) subscription.close();
    isOver = true;
  };
  // A server without this channel leaves the page empty. Subscribing tells the connection's status, which is none of an effect's.
  const subscription: LiveSubscription<RecommendationList> = untracked(() =>
    live.subscribe(channel, {}, publish, close),
  );
  return close;
}
