import fc from 'fast-check';
import { expect } from 'vitest';
import type { LiveRow } from '../../live/messages.ts';
import { createRowStore } from '../../live/row-store.ts';
import { LiveView } from '../../sinks/websocket/live-view.ts';
import { law } from './law.ts';

/** What happens to a view and to one client of it, which may be slow, dropped, and too late to go on. */
type Step =
  | { readonly kind: 'put'; readonly key: number; readonly revision: number }
  | { readonly kind: 'expire'; readonly key: number }
  | { readonly kind: 'publish' | 'drop' | 'resume' | 'read' };

const stepArb: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key: fc.nat(5),
      revision: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), key: fc.nat(5) }) },
  { weight: 5, arbitrary: fc.constantFrom('publish', 'drop', 'resume', 'read').map((kind) => ({ kind }) as Step) },
);

const rowOf = ({ key, revision }: Extract<Step, { kind: 'put' }>): LiveRow => ({
  id: `row-${key}`,
  revision: String(revision),
  // Of one identity a revision is one row.
  row: { state: (revision * 7 + key) % 4 === 0 ? 'tombstone' : 'final' },
});

/** A client as the protocol has it: a snapshot in parts, then deltas; one that it cannot follow makes it ask again. */
function clientOf(view: LiveView) {
  const store = createRowStore<unknown>();
  const takeSnapshot = (): void => {
    const rows = [...view.rows()];
    for (let from = 0; from === 0 || from < rows.length; from += 2) {
      const part = { part: from / 2, isLast: from + 2 >= rows.length, seq: view.seq, resume: String(view.seq) };
      store.snapshot({ ...part, rows: rows.slice(from, from + 2) });
    }
  };
  const catchUp = (seq: number): void => {
    if (!view.canResume(seq)) return takeSnapshot();
    const { rows, expired } = view.since(seq);
    const told = store.delta({
      ...{ prev: seq, seq: view.seq, resume: String(view.seq), rows },
      expired: expired.map(({ id }) => id),
    });
    expect(told).not.toBe('gap');
  };
  return { store, takeSnapshot, catchUp };
}

law(
  7,
  'a client after snapshot and deltas equals the server',
  fc.property(fc.array(stepArb, { maxLength: 60, size: 'max' }), fc.integer({ min: 1, max: 30 }), (steps, windowMs) => {
    const view = new LiveView({ frameRowsMax: 2, resumeWindowMs: windowMs, resumeMessagesMax: 3 });
    const { store, takeSnapshot, catchUp } = clientOf(view);
    takeSnapshot();
    let isConnected = true;
    const told = new Map<string, string>();
    const highest = new Map<number, number>();
    steps.forEach((step, nowMs) => {
      if (step.kind === 'put') {
        // What has left comes back only when it has changed.
        if (view.get(`row-${step.key}`) || step.revision > (highest.get(step.key) ?? 0)) view.put(rowOf(step));
        highest.set(step.key, Math.max(step.revision, highest.get(step.key) ?? 0));
      } else if (step.kind === 'expire') view.expire(`row-${step.key}`);
      else if (step.kind === 'drop') isConnected = false;
      else if (step.kind === 'publish') {
        for (const { prev, seq, rows, expired } of view.publish(nowMs)) {
          if (!isConnected) continue;
          const ids = expired.map(({ id }) => id);
          expect(store.delta({ prev, seq, resume: String(seq), rows, expired: ids })).not.toBe('gap');
        }
      } else if (step.kind === 'resume') {
        catchUp(store.seq ?? 0);
        isConnected = true;
      }
      for (const { id, revision } of store.rows.values()) {
        // No step back, unless the row has left in between.
        if (told.has(id)) expect(Number(revision)).toBeGreaterThanOrEqual(Number(told.get(id)));
        told.set(id, revision);
      }
      for (const id of [...told.keys()]) if (!store.rows.has(id)) told.delete(id);
    });
    view.publish(steps.length);
    catchUp(store.seq ?? 0);
    const served = [...view.rows()].filter(({ row }) => (row as { state: string }).state !== 'tombstone');
    const idsOf = (rows: Iterable<LiveRow>): string[] =>
      [...rows].map(({ id, revision }) => `${id} ${revision}`).sort();
    expect(idsOf(store.rows.values())).toEqual(idsOf(served));
  }),
);
