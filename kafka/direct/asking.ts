import type { Clock } from '../../telemetry/clock.ts';
import type { Grown, Growth } from '../growth.ts';
import type { StreamSet } from '../reader-set.ts';
import type { DirectStream } from './stream.ts';

export interface AskingOptions {
  readonly growth: Growth;
  readonly streams: StreamSet<DirectStream>;
  readonly clock: Clock;
  /** From hearing of a record to asking for it. */
  readonly gatherMs: number;
  /** Between two looks at everything while other processes produce. */
  readonly fetchWaitMs: number;
  /** Something is due earlier than was said. */
  readonly onEarlier: () => void;
}

/** Between two looks at everything while all that came was told of: so much, or five of the waits of who waits for longer. */
const lookEveryMs = 250;
const waitsPerLook = 5;
/** How long an untold record makes looks frequent. */
const strangersMs = 5_000;

/**
 * When to ask a broker that never wakes a fetch, and for which partitions: those that have grown, soon after a producer of this process
 * told so. All are looked at now and then, for producers elsewhere; once one was noticed, as often as `fetchWaitMs`.
 */
export class Asking {
  readonly #options: AskingOptions;
  readonly stop: () => void;
  #dueMs = Infinity;
  #lookMs = 0;
  #isLook = false;
  #strangersUntilMs = -Infinity;
  /** What the last look brought, and how far that went: told by now, or a stranger's. */
  readonly #brought = new Map<DirectStream, number>();

  constructor(options: AskingOptions) {
    this.#options = options;
    this.stop = options.growth.listen((grown) => this.#told(grown));
  }

  /** Of the streams that have room, those to ask for now. */
  due(hungry: readonly DirectStream[]): readonly DirectStream[] {
    const nowMs = this.#options.clock.nowMs();
    this.#isLook = nowMs >= this.#lookMs;
    if (!this.#isLook && nowMs < this.#dueMs) return [];
    this.#dueMs = Infinity;
    if (!this.#isLook) return hungry.filter(({ mayHaveMore }) => mayHaveMore);
    this.#judgeLast(nowMs);
    const { fetchWaitMs } = this.#options;
    const calmMs = Math.max(lookEveryMs, waitsPerLook * fetchWaitMs);
    this.#lookMs = nowMs + (nowMs < this.#strangersUntilMs ? fetchWaitMs : calmMs);
    return hungry;
  }

  /** How long nothing will be due, unless told. */
  waitMs(): number {
    return Math.max(0, Math.min(this.#dueMs, this.#lookMs) - this.#options.clock.nowMs());
  }

  /** A stream was opened, or has room again. */
  now(): void {
    this.#dueMs = 0;
  }

  /** A stream took an answer to a question from `askedOffset`, which told that the partition ends at `endOffset`. */
  answered(stream: DirectStream, askedOffset: number, endOffset: number): void {
    const hasMoved = stream.nextOffset > askedOffset;
    const isBehind = stream.nextOffset < endOffset;
    stream.mayHaveMore = isBehind || (hasMoved && stream.nextOffset < stream.toldEnd);
    if (isBehind) this.#dueMs = 0;
    if (this.#isLook && hasMoved) this.#brought.set(stream, stream.nextOffset);
  }

  #told(grown: readonly Grown[]): void {
    const { streams, clock, gatherMs, onEarlier } = this.#options;
    let isAny = false;
    for (const { topic, partition, endOffset } of grown) {
      const stream = streams.find(topic, partition);
      if (!stream || endOffset <= stream.toldEnd) continue;
      stream.toldEnd = endOffset;
      if (endOffset <= stream.nextOffset) continue;
      stream.mayHaveMore = true;
      isAny = true;
    }
    if (!isAny || this.#dueMs < Infinity) return;
    this.#dueMs = clock.nowMs() + gatherMs;
    onEarlier();
  }

  #judgeLast(nowMs: number): void {
    for (const [stream, endOffset] of this.#brought)
      if (stream.toldEnd < endOffset) this.#strangersUntilMs = nowMs + strangersMs;
    this.#brought.clear();
  }
}
