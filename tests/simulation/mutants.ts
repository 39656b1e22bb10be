import { judge } from '../../tasks/judge.ts';
import type { JudgeState } from '../../tasks/judge.ts';
import type { OrderRecord } from '../../tasks/contract.ts';
import { decodeOrderRecord } from '../../tasks/order-codec.ts';
import { createOrderReader } from '../../tasks/order-log.ts';
import type { LogRecord, OrderReader, OrderReaderOptions } from '../../tasks/order-log.ts';
import { createOutputs } from '../../tasks/outputs.ts';
import type { Outputs, OutputsOptions } from '../../tasks/outputs.ts';
import { decodeSnapshot, encodeSnapshot } from '../../tasks/snapshot.ts';
import { map } from 'rxjs';
import { watermark } from '../../streams/watermark.ts';
import type { WatermarkOptions, WatermarkStage } from '../../streams/watermark.ts';
import type { SimEvent } from './fold.ts';
import type { Mutant, MutantView } from './world.ts';

/** The rules, each broken by hand: a simulation that does not notice one of them proves nothing. In the order of their numbers, from 1. */
export const mutants: readonly (readonly [name: string, mutant: Mutant])[] = [
  [
    'outputs are not awaited before the snapshot',
    { seams: () => ({ createOutputs: (options) => ({ ...createOutputs(options), isAckedBefore: () => true }) }) },
  ],
  [
    'an entry is folded before it is read back',
    { seams: (view) => ({ createOrderReader: (options) => readEarly(options, view) }) },
  ],
  ['prev is not checked', { seams: () => ({ judge: anyPrev }) }],
  ['a claim names no predecessor', { seams: () => ({ judge: claimAnyway }) }],
  ["a snapshot lacks the judge's state", { snapshot: withoutJudge }],
  [
    'a snapshot is saved by a process that does not produce',
    { seams: (view) => ({ createOutputs: (options) => silentFollower(options, view) }) },
  ],
  ['the revision is the write time', { output: revisionFromClock }],
  ['a tick moves the watermark', { fold: { createWatermark: movedByTicks } }],
];

/** A mutant by its number from 1, or by its name; undefined when there is none. */
export function findMutant(which: string): (typeof mutants)[number] | undefined {
  return mutants[Number(which) - 1] ?? mutants.find(([name]) => name === which);
}

const anyPrev: typeof judge = (state, record) =>
  judge(state, record?.kind === 'entry' ? { ...record, prev: state.headId ?? '' } : record);

function claimAnyway(state: JudgeState, record: OrderRecord | null): ReturnType<typeof judge> {
  const isNew = record?.kind === 'claim' && record.id !== state.lastClaimId;
  return judge(state, isNew ? { ...record, replaces: state.lastClaimId } : record);
}

/** Gives what this process appended at once, as if it had come back already. */
function readEarly(options: OrderReaderOptions, view: MutantView): OrderReader {
  const inner = createOrderReader(options);
  const given = new Set<string>();
  let nextOffset = options.nextOffset;
  let taken = 0;
  const give = (record: LogRecord): LogRecord => {
    given.add(record.id);
    return { ...record, orderOffset: nextOffset++ };
  };
  const poll = (): LogRecord | null => {
    for (let record = inner.poll(); record; record = inner.poll()) if (!given.has(record.id)) return give(record);
    const own = view.sent(options.topicPartition.partition)[taken];
    if (!own) return null;
    taken++;
    const record = decodeOrderRecord(own);
    return record?.kind === 'entry' && !given.has(record.id)
      ? give({ orderOffset: 0n, id: record.id, record, appendTimeMs: null })
      : null;
  };
  return { ...inner, poll };
}

/** Folds on from the right place, without knowing what counted last. */
function withoutJudge(bytes: Uint8Array): Uint8Array {
  const snapshot = decodeSnapshot(bytes);
  if (!snapshot) return bytes;
  return encodeSnapshot({ ...snapshot, judge: { ...snapshot.judge, lastClaimId: null, headId: null } });
}

/** Produces only what it has appended itself; saves as if it had produced all. */
function silentFollower(options: OutputsOptions, view: MutantView): Outputs {
  const inner = createOutputs(options);
  return {
    ...inner,
    push: (orderOffset, outputs) => (view.hasWritten(orderOffset) ? inner.push(orderOffset, outputs) : undefined),
  };
}

function revisionFromClock(value: Uint8Array, nowMs: number): Uint8Array {
  const text = Buffer.from(value).toString();
  return Buffer.from(text.replace(/"revision":"\d+"/, `"revision":"${Math.max(0, nowMs)}"`));
}

function movedByTicks(options: WatermarkOptions): WatermarkStage<SimEvent> {
  const inner = watermark<SimEvent>(options);
  let movedMs = -Infinity;
  return {
    ...inner,
    operator: (entries) =>
      entries.pipe(
        inner.operator,
        map((batch) => {
          const watermarkMs = batch.watermarkMs.map((ms) => Math.max(ms, movedMs));
          if (batch.entry.isAllIdle) movedMs = Math.max(movedMs, batch.publishUpToMs);
          return { ...batch, watermarkMs, endWatermarkMs: Math.max(batch.endWatermarkMs, movedMs) };
        }),
      ),
    snapshot: () => ({ movedMs, inner: inner.snapshot() }),
    restore(state) {
      const saved = state as { readonly movedMs: number; readonly inner: unknown };
      movedMs = saved.movedMs;
      inner.restore(saved.inner);
    },
  };
}
