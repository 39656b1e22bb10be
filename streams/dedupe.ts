// Drops events that were seen before: same source, same id.
// Guarantees: within the horizon (in event time, behind the watermark) every repetition is dropped and counted `duplicate`;
// nothing else ever is; at the limit new ids are refused as dead letters, and nothing is forgotten to make room.
// Redelivery: this is what makes a producer's repetition harmless. Where the entry is read again, nothing is a duplicate,
// because the state is the one before it.
import type { RecordBatch } from '../sources/source.ts';
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import type { Rejected, StreamBatch, TimedEvent } from './batch.ts';
import { filterBatch } from './filter.ts';
import { type Hash128, murmur128, murmur128Ascii } from './murmur.ts';
import { beginPlain, joined, split } from './pieces.ts';
import { SeenIds } from './seen-ids.ts';
import { RecordTime, type Stage, stageOf } from './stage.ts';

export interface DedupeOptions {
  /** How far behind the watermark ids are remembered, in event time; at least what any window still accepts. */
  readonly horizonMs: number;
  /** Ids remembered at once. */
  readonly idsMax: number;
}

/** The same record by record, for one entry: `open`, `isFirst` for each record, `close`. */
export interface DedupeSteps<E> {
  open(): void;
  isFirst(event: E, batch: RecordBatch, index: number, time: RecordTime): boolean;
  /** What the limit refused. */
  close(): readonly Rejected[];
}

export interface DedupeStage<E> extends Stage<StreamBatch<E>, StreamBatch<E>> {
  /** Absent: all are first. */
  readonly steps?: DedupeSteps<E>;
  /** Stands behind the processor: what it rejected was not folded, so its id is forgotten and it may be driven again. */
  readonly forgetRejected: Stage<StreamBatch<E>, StreamBatch<E>>;
}

const MINUTE_MS = 60_000;
const SOURCES_MAX = 1_000;

/** Passes the first of each (source, id). */
export function dedupe<E extends TimedEvent>(options: DedupeOptions): DedupeStage<E> {
  const core = new Dedupe<E>(options);
  const forgetting = {
    apply: (batch: StreamBatch<E>) => core.forgetRejected(batch),
    snapshot: () => null,
    restore: () => {},
    counters: () => ({}),
  };
  return { ...stageOf(core), steps: core, forgetRejected: stageOf(forgetting) };
}

/** For inputs of which each event is known to come once: nothing is remembered, nothing dropped. */
export function passAll<E extends TimedEvent>(): DedupeStage<E> {
  const pass = {
    apply: (batch: StreamBatch<E>) => batch,
    snapshot: () => null,
    restore: () => {},
    counters: () => ({}),
  };
  return { ...stageOf(pass), forgetRejected: stageOf(pass) };
}

class Dedupe<E extends TimedEvent> {
  private readonly options: DedupeOptions;
  private readonly seen = new SeenIds();
  private duplicates = 0;
  /** Of the entry that is folded. */
  private refused: Rejected[] = [];
  private expiryWatermarkMs = -Infinity;
  private readonly hash: Hash128 = new Int32Array(4);
  /** Hash words of sources: a cache, it decides nothing. */
  private readonly sources = new Map<string, Hash128>();
  /** Most events have the source of the one before. */
  private lastSource: string | undefined;
  private seed: Hash128 = new Int32Array(4);

  constructor(options: DedupeOptions) {
    this.options = options;
  }

  apply(batch: StreamBatch<E>): StreamBatch<E> {
    this.open();
    const time = new RecordTime();
    let at = 0;
    const first = filterBatch(batch, ({ event, batch: read, index }) => {
      time.eventTimeMs = event.eventTimeMs;
      time.watermarkMs = batch.watermarkMs[at++] as number;
      return this.isFirst(event, read, index, time);
    });
    const refused = this.close();
    return refused.length === 0 ? first : { ...first, rejected: [...batch.rejected, ...refused] };
  }

  open(): void {
    this.expiryWatermarkMs = -Infinity;
    this.refused = [];
  }

  close(): readonly Rejected[] {
    return this.refused;
  }

  forgetRejected(batch: StreamBatch<E>): StreamBatch<E> {
    for (const rejected of batch.rejected) {
      if (rejected.kind !== 'dead' || !rejected.event) continue;
      this.hashOf(rejected.event);
      this.seen.forget(this.hash);
    }
    return batch;
  }

  isFirst(event: E, batch: RecordBatch, index: number, time: RecordTime): boolean {
    if (time.watermarkMs >= this.expiryWatermarkMs) this.expiryWatermarkMs = this.expire(time.watermarkMs);
    this.hashOf(event);
    if (this.seen.has(this.hash)) {
      this.duplicates++;
      return false;
    }
    if (this.seen.size >= this.options.idsMax) {
      const message = 'the table of seen ids is full';
      const { source } = event;
      this.refused.push({ batch, index, kind: 'dead', reason: 'state_full', message, fieldPath: null, source });
      return false;
    }
    this.seen.add(this.hash, minuteOf(time.eventTimeMs));
    return true;
  }

  /** Returns the watermark at which the next minute expires. */
  private expire(watermarkMs: number): number {
    if (watermarkMs === -Infinity) return -Infinity;
    const oldestMinute = minuteOf(watermarkMs - this.options.horizonMs);
    this.seen.expireBefore(oldestMinute);
    return (oldestMinute + 1) * MINUTE_MS + this.options.horizonMs;
  }

  private hashOf(event: TimedEvent): void {
    const { source, idBytes } = event;
    if (source !== this.lastSource) this.lookUp(source);
    if (idBytes) murmur128Ascii(idBytes.bytes, idBytes.idStart, idBytes.idEnd, this.seed, this.hash);
    else murmur128(event.id, this.seed, this.hash);
  }

  /** Makes `seed` that of the source. */
  private lookUp(source: string): void {
    let seed = this.sources.get(source);
    if (!seed) {
      seed = new Int32Array(4);
      murmur128(source, new Int32Array(4), seed);
      if (this.sources.size >= SOURCES_MAX) this.sources.clear();
      this.sources.set(source, seed);
    }
    this.lastSource = source;
    this.seed = seed;
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    return joined({ duplicates: beginPlain(this.duplicates), seen: this.seen.beginSnapshot(pieceBytes) });
  }

  restore(state: unknown): void {
    const { seen, duplicates } = split(state as SlicedState) as Record<'seen' | 'duplicates', SlicedState>;
    this.seen.restore(seen);
    this.duplicates = duplicates.head as number;
  }

  counters(): Readonly<Record<string, number>> {
    return { duplicate: this.duplicates, dedupe_ids: this.seen.size };
  }
}

/** Minutes since 1970, kept within 32 bits (the years −2100 to 6050). */
const minuteOf = (timeMs: number): number =>
  Math.min(Math.max(Math.floor(timeMs / MINUTE_MS), -0x7fffffff + 2), 0x7fffffff);
