import { describe, expect, test } from 'vitest';
import type { Feeds } from './feeds.ts';
import { LiveView } from './live-view.ts';
import { createPublisher } from './publisher.ts';

const row = (revision: number) => ({ id: 'a', revision: String(revision), row: {} });

function rig() {
  const limits = { frameRowsMax: 10, resumeWindowMs: 1_000, resumeMessagesMax: 10 };
  const [still, busy] = [new LiveView(limits), new LiveView(limits)];
  const sent: [name: string, atMs: number][] = [];
  const feeds = {
    publish: (view: LiveView, nowMs: number) => {
      if (view.publish(nowMs).length > 0) sent.push([view === still ? 'still' : 'busy', nowMs]);
    },
  } as unknown as Feeds;
  return { still, busy, sent, publisher: createPublisher([{ view: still }, { view: busy }], feeds, 50) };
}

describe('between two beats', () => {
  test('what was still goes at once, and what changed a moment ago waits for the beat', () => {
    const { still, busy, sent, publisher } = rig();
    busy.put(row(1));
    publisher.all(1_000);
    busy.put(row(2));
    still.put(row(1));
    publisher.rested(1_010);
    expect(sent).toEqual([
      ['busy', 1_000],
      ['still', 1_010],
    ]);
    publisher.all(1_050);
    expect(sent.at(-1)).toEqual(['busy', 1_050]);
  });

  test('a stream of changes makes no more frames than beats', () => {
    const { still, sent, publisher } = rig();
    for (let ms = 1_000, revision = 1; ms < 2_000; ms += 5, revision++) {
      still.put(row(revision));
      if (ms % 50 === 0) publisher.all(ms);
      else publisher.rested(ms);
    }
    expect(sent.length).toBeLessThanOrEqual(20);
  });
});
