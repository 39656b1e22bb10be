// When what changed in the views goes out.
// Guarantees: every `tickMs` all of it; what was still for so long goes at once, so that one alert does not wait for a beat, and a stream of
// changes makes no more frames than beats.
import type { Feeds } from './feeds.ts';
import type { LiveView } from './live-view.ts';

export interface Publisher {
  /** The beat: everything. */
  all(nowMs: number): void;
  /** Between two beats: what changed and has rested for one. */
  rested(nowMs: number): void;
}

export function createPublisher(
  channels: readonly { readonly view: LiveView }[],
  feeds: Feeds,
  tickMs: number,
): Publisher {
  const publishedMs = new Map<LiveView, number>();
  const publish = (view: LiveView, nowMs: number): void => {
    if (view.isChanged) publishedMs.set(view, nowMs);
    feeds.publish(view, nowMs);
  };
  return {
    all(nowMs) {
      for (const { view } of channels) publish(view, nowMs);
    },
    rested(nowMs) {
      for (const { view } of channels)
        if (view.isChanged && nowMs - (publishedMs.get(view) ?? -Infinity) >= tickMs) publish(view, nowMs);
    },
  };
}
