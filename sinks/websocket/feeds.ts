// The feeds that somebody is subscribed to, and how what changed in a view reaches them: each frame made once for all.
import type { Channel, ChannelFilter } from './channel.ts';
import { createFeed, type Feed } from './feed.ts';
import type { LiveView } from './live-view.ts';
import type { Viewer } from './viewer.ts';

export interface Feeds {
  /** The feed of these parameters, made when it is the first subscriber's. */
  find(channel: Channel, filter: ChannelFilter): Feed;
  join(viewer: Viewer): void;
  leave(viewer: Viewer): void;
  /** Numbers what changed in a view and sends it. */
  publish(view: LiveView, nowMs: number): void;
  /** The view was built again: a new generation. */
  rebuilt(view: LiveView): void;
  viewers(): number;
}

interface Group {
  readonly feed: Feed;
  readonly viewers: Set<Viewer>;
}

export function createFeeds(instance: string): Feeds {
  const groups = new Map<string, Group>();
  let feedsMade = 0;
  const keyOf = (channel: Channel, filter: ChannelFilter): string => `${channel.name} ${filter.key}`;
  const groupOf = (channel: Channel, filter: ChannelFilter): Group => {
    const key = keyOf(channel, filter);
    const group = groups.get(key) ?? { feed: createFeed(++feedsMade, instance, channel, filter), viewers: new Set() };
    groups.set(key, group);
    return group;
  };
  const of = (view: LiveView): Group[] => [...groups.values()].filter(({ feed }) => feed.channel.view === view);
  return {
    find: (channel, filter) => groupOf(channel, filter).feed,
    join: (viewer) => groupOf(viewer.feed.channel, viewer.feed.filter).viewers.add(viewer),
    leave(viewer) {
      const key = keyOf(viewer.feed.channel, viewer.feed.filter);
      const group = groups.get(key);
      group?.viewers.delete(viewer);
      if (group?.viewers.size === 0) groups.delete(key);
    },
    publish(view, nowMs) {
      const ticks = view.publish(nowMs);
      for (const { feed, viewers } of of(view)) {
        for (const tick of ticks) {
          const frame = feed.frameOf(tick);
          if (frame) for (const viewer of viewers) viewer.offer(frame);
        }
        for (const viewer of viewers) viewer.pump();
      }
    },
    rebuilt(view) {
      view.generation += 1;
      for (const { viewers } of of(view)) for (const viewer of viewers) viewer.resync('rebuilt');
    },
    viewers: () => [...groups.values()].reduce((sum, { viewers }) => sum + viewers.size, 0),
  };
}
