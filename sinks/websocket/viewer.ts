// One subscription of one socket: where its client is in the feed, and what it is to be sent next.
// Guarantees: snapshot, then deltas without a hole; a slow socket is owed nothing but the latest of what changed since its sequence,
// so it costs no memory beyond what is being sent. Redelivery: a frame may repeat rows; clients fold by revision.
import { isTombstone } from '../../live/row-store.ts';
import type { LiveRow, ResyncReason } from '../../live/messages.ts';
import type { ChannelFilter } from './channel.ts';
import type { Feed, SharedFrame } from './feed.ts';
import { deltaFrame, frameOf, snapshotFrame } from './frames.ts';
import type { Link } from './link.ts';

export interface Viewer {
  readonly id: number;
  readonly feed: Feed;
  /** Takes the shared frame when in step and not slow. */
  offer(frame: SharedFrame): void;
  /** Sends what is due as far as the socket takes it. */
  pump(): void;
  /** Everything anew. */
  resync(reason: ResyncReason): void;
  /** True when something is due that the socket did not take. */
  isBehind(): boolean;
  /** Rows due; only meaningful while behind. */
  behindRows(): number;
}

export interface ViewerOptions {
  readonly id: number;
  readonly feed: Feed;
  /** As the feed's, with the subscription's own narrowing of snapshots. */
  readonly filter: ChannelFilter;
  readonly link: Link;
  readonly frameRowsMax: number;
  /** Sequence to go on from, or null: a snapshot first. */
  readonly fromSeq: number | null;
  readonly onConflate: () => void;
}

/** What is being sent in parts. */
interface Staged {
  readonly kind: 'snapshot' | 'delta';
  readonly rows: readonly LiveRow[];
  readonly expired: readonly LiveRow[];
  readonly seq: number;
  /** Parts sent. */
  part: number;
  isPartial: boolean;
}

export function createViewer(options: ViewerOptions): Viewer {
  const { feed, link, frameRowsMax } = options;
  const { view } = feed.channel;
  let seq = options.fromSeq;
  let staged: Staged | null = null;

  const isDue = (): boolean => staged !== null || (seq === null ? view.readiness !== 'held' : seq < feed.lastSeq());
  const stageSnapshot = (): Staged => {
    const narrow = options.filter.snapshotFilter?.() ?? (() => true);
    const rows: LiveRow[] = [];
    for (const row of view.rows()) if (feed.filter.matches(row) && !isTombstone(row) && narrow(row)) rows.push(row);
    return { kind: 'snapshot', rows, expired: [], seq: view.seq, part: 0, isPartial: view.readiness === 'partial' };
  };
  const stageMissed = (since: number): Staged => {
    options.onConflate();
    return { kind: 'delta', ...feed.missedSince(since), seq: view.seq, part: 0, isPartial: false };
  };
  const sendPart = (batch: Staged): void => {
    const from = batch.part * frameRowsMax;
    const rows = batch.rows.slice(from, from + frameRowsMax);
    const isLast = from + frameRowsMax >= batch.rows.length;
    // Until the last part the client stays where it was: a drop in between resumes from there.
    const prev = seq ?? 0;
    const at = isLast ? batch.seq : prev;
    const head = { feed: feed.number, resume: feed.tokenAt(at) };
    if (batch.kind === 'snapshot')
      link.send(snapshotFrame({ ...head, part: batch.part, isLast, isPartial: batch.isPartial, seq: batch.seq }, rows));
    else link.send(deltaFrame({ ...head, prev, seq: at }, rows, isLast ? batch.expired : []));
    batch.part += 1;
    if (!isLast) return;
    seq = batch.seq;
    staged = null;
  };
  const pump = (): void => {
    while (isDue() && link.isWritable()) {
      staged ??= seq === null ? stageSnapshot() : stageMissed(seq);
      sendPart(staged);
    }
  };
  return {
    id: options.id,
    feed,
    pump,
    offer(frame) {
      if (seq === null || staged || seq < frame.prev || !link.isWritable()) return;
      link.send(frame.bytes);
      seq = frame.seq;
    },
    resync(reason) {
      link.send(frameOf({ kind: 'resync', feed: feed.number, reason }));
      seq = null;
      staged = null;
      pump();
    },
    isBehind: () => isDue() && !link.isWritable(),
    behindRows() {
      const stagedRows = staged ? staged.rows.length - staged.part * frameRowsMax : 0;
      return stagedRows + (seq === null ? 0 : feed.missedSince(staged?.seq ?? seq).rows.length);
    },
  };
}
