// A channel with one set of parameters: what its subscribers share. Frames are made once for all of them.
// Guarantees: a feed's frames follow on one another; who is in step gets the shared frame, who is not gets its own later.
import type { LiveRow } from '../../live/messages.ts';
import type { Channel, ChannelFilter } from './channel.ts';
import { deltaFrame } from './frames.ts';
import type { Tick } from './live-view.ts';
import { resumeToken } from './resume-token.ts';

export interface Feed {
  /** Its name on the wire; not reused while the gateway lives. */
  readonly number: number;
  readonly channel: Channel;
  readonly filter: ChannelFilter;
  /** Sequence of the last change that concerned it. */
  lastSeq(): number;
  /** What to resume with at a sequence. */
  tokenAt(seq: number): string;
  /** The frame of a tick, or null when nothing of it concerns this feed. */
  frameOf(tick: Tick): SharedFrame | null;
  /** What a subscriber at `seq` has missed. */
  missedSince(seq: number): { readonly rows: readonly LiveRow[]; readonly expired: readonly LiveRow[] };
}

export interface SharedFrame {
  /** A subscriber at this sequence or later may take it. */
  readonly prev: number;
  readonly seq: number;
  readonly bytes: Buffer;
}

export function createFeed(number: number, instance: string, channel: Channel, filter: ChannelFilter): Feed {
  const { view } = channel;
  let lastSeq = view.seq;
  const tokenAt = (seq: number): string =>
    resumeToken({ instance, generation: view.generation, seq, params: `${channel.name} ${filter.key}` });
  return {
    number,
    channel,
    filter,
    tokenAt,
    lastSeq: () => lastSeq,
    frameOf(tick) {
      const rows = tick.rows.filter(filter.matches);
      const expired = tick.expired.filter(filter.matches);
      if (rows.length === 0 && expired.length === 0) return null;
      const prev = lastSeq;
      lastSeq = tick.seq;
      const head = { feed: number, prev, seq: tick.seq, resume: tokenAt(tick.seq) };
      return { prev, seq: tick.seq, bytes: Buffer.from(deltaFrame(head, rows, expired)) };
    },
    missedSince(seq) {
      const { rows, expired } = view.since(seq);
      return { rows: rows.filter(filter.matches), expired: expired.filter(filter.matches) };
    },
  };
}
