import { computed, effect, signal, untracked } from '@preact/signals';
import type { LiveClient, LiveSubscription } from '../live/client.ts';
import type { PredictionRow } from '../live/messages.ts';
import { oncePerFrame } from './frame.ts';
import { type PredictedSeries, seriesOf } from './predicted-series.ts';
import { place } from './route.ts';

/** What the page Predictions shows: one metric at a time, subscribed to while it is shown, and only then. `null`: not told yet. */

export const metrics = ['revenue', 'volume', 'decline_rate'] as const;
export type MetricName = (typeof metrics)[number];

const isShown = computed(() => place.value.page === 'predictions');

export const metric = signal<MetricName>('revenue');
export const series = signal<readonly PredictedSeries[] | null>(null);

const client = signal<LiveClient | null>(null);

/** To be called with each new connection. */
export function followPredictions(live: LiveClient): void {
  client.value = live;
}

effect(() => {
  const live = client.value;
  const name = metric.value;
  series.value = null;
  if (!live || !isShown.value) return;
  // The client tells its status at once, which reads and writes signals of its own.
  const stop = untracked(() => follow(live, name));
  return () => untracked(stop);
});

/** Returns how to stop. */
function follow(live: LiveClient, name: MetricName): () => void {
  let isOver = false;
  const publish = oncePerFrame(() => {
    if (!isOver) series.value = seriesOf([...subscription.rows().values()].map(({ row }) => row));
  });
  const close = (): void => {
    if (!isOver) subscription.close();
    isOver = true;
  };
  // A server without this channel leaves the page empty.
  const subscription: LiveSubscription<PredictionRow> = live.subscribe(`predictions:${name}`, {}, publish, close);
  return close;
}
