import { computed, effect, signal, untracked } from '@preact/signals';
import type { DeliveryAttempt } from '../events/decisions.ts';
import type { LiveClient, LiveSubscription } from '../live/client.ts';
import { oncePerFrame } from './frame.ts';
import { place } from './route.ts';

/** Attempts to deliver webhooks: subscribed to while the page System is shown, and only then. `null`: not told yet. */
export const deliveries = signal<readonly DeliveryAttempt[] | null>(null);

const isShown = computed(() => place.value.page === 'system');
const client = signal<LiveClient | null>(null);

/** To be called with each new connection. */
export function followDeliveries(live: LiveClient): void {
  client.value = live;
}

effect(() => {
  const live = client.value;
  deliveries.value = null;
  if (!live || !isShown.value) return;
  // The client tells its status at once, which reads and writes signals of its own.
  const stop = untracked(() => follow(live));
  return () => untracked(stop);
});

/** Returns how to stop. */
function follow(live: LiveClient): () => void {
  let isOver = false;
  const publish = oncePerFrame(() => {
    if (!isOver) deliveries.value = [...subscription.rows().values()].map(({ row }) => row);
  });
  const close = (): void => {
    if (!isOver) subscription.close();
    isOver = true;
  };
  // A server without this channel leaves the card empty.
  const subscription: LiveSubscription<DeliveryAttempt> = live.subscribe('deliveries', {}, publish, close);
  return close;
}
