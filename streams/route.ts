// The router of a pipeline whose state is kept by another key than its messages have: every record goes, with its bytes and its place,
// to the tasks that hold one of its keys, and the watermark goes with it.
// Guarantees: a record reaches each task that it concerns once an entry; what a task has heard of this router's event time never
// runs ahead of a record that is still to come. Redelivery: the same entry gives the same records; readers drop by position.
import type { Output, StreamBatch, StreamRecord, TimedEvent } from './batch.ts';
import { base64Of, inputPositionOf, positionText } from './positions.ts';
import { type Stage, stageOf } from './stage.ts';

export interface RouteOptions<E> {
  /** The re-key topic; it has a partition for each task. */
  readonly topic: string;
  readonly tasks: number;
  /** The keys of the state that the event belongs to. */
  readonly keysOf: (event: E) => readonly string[];
  /** Which task holds a key. */
  readonly taskOf: (key: string) => number;
}

/** A record on its way to a task; `watermarkMs` is what it is judged by, null before there is one. */
export interface RoutedBody {
  readonly kind: 'routed';
  readonly input: ReturnType<typeof inputPositionOf>;
  readonly timestampType: string;
  readonly keyBase64: string | null;
  readonly valueBase64: string | null;
  readonly watermarkMs: number | null;
}

/** How far the router is: also told to tasks that nothing is sent to. */
export interface MarkBody {
  readonly kind: 'routed-mark';
  readonly watermarkMs: number | null;
  /** All of the router's inputs are silent: it holds nobody back. */
  readonly isIdle: boolean;
  /** The router was told to do without some of its input. */
  readonly hasSkip: boolean;
}

/** A task hears of the watermark at least when it has moved so far. */
const markEveryMs = 250;

/** Counts `routed` (records) and `copies` (what was sent of them). */
export function route<E extends TimedEvent>(options: RouteOptions<E>): Stage<StreamBatch<E>, StreamBatch<E>> {
  let state = { routed: 0, copies: 0, markedMs: -Infinity, wasIdle: false };
  return stageOf({
    apply(batch: StreamBatch<E>): StreamBatch<E> {
      const outputs = [...batch.outputs];
      batch.records.forEach((record, i) => {
        const copies = copiesOf(record, finite(batch.watermarkMs[i]), options);
        outputs.push(...copies);
        state.routed += 1;
        state.copies += copies.length;
      });
      const { isAllIdle, hasSkip } = batch.entry;
      const isDue = batch.endWatermarkMs - state.markedMs >= markEveryMs || isAllIdle !== state.wasIdle || hasSkip;
      if (!isDue) return { ...batch, outputs };
      state = { ...state, markedMs: batch.endWatermarkMs, wasIdle: isAllIdle };
      const watermarkMs = finite(batch.endWatermarkMs);
      return { ...batch, outputs: [...outputs, ...marks({ watermarkMs, isIdle: isAllIdle, hasSkip }, options)] };
    },
    snapshot: () => ({ ...state }),
    restore: (saved) => void (state = { ...(saved as typeof state) }),
    counters: () => ({ folded: state.routed, copies: state.copies }),
  });
}

function copiesOf<E extends TimedEvent>(
  { event, batch, index }: StreamRecord<E>,
  watermarkMs: number | null,
  { topic, keysOf, taskOf }: RouteOptions<E>,
): Output[] {
  const body: RoutedBody = {
    kind: 'routed',
    input: inputPositionOf(batch, index),
    timestampType: batch.timestampType,
    keyBase64: base64Of(batch, batch.keyStart[index], batch.keyEnd[index]),
    valueBase64: base64Of(batch, batch.valueStart[index], batch.valueEnd[index]),
    watermarkMs,
  };
  const keyOf = new Map<number, string>();
  for (const key of keysOf(event)) if (!keyOf.has(taskOf(key))) keyOf.set(taskOf(key), key);
  const place = positionText(batch, index);
  return [...keyOf].map(([partition, key]) => ({ topic, key, partition, identity: `${place}/${partition}`, body }));
}

const marks = <E>(told: Omit<MarkBody, 'kind'>, { topic, tasks }: RouteOptions<E>): Output[] =>
  Array.from({ length: tasks }, (_, partition) => {
    const body: MarkBody = { kind: 'routed-mark', ...told };
    return { topic, key: '', partition, identity: `mark/${partition}`, body };
  });

const finite = (ms: number | undefined): number | null => (ms !== undefined && Number.isFinite(ms) ? ms : null);
