// Event time of a task: a watermark per input partition, the task's as the minimum of those that are not idle, and the tick
// that publishes when all input is silent.
// Guarantees: the watermark is a function of the records and of the logged idleness, moves record by record (never by batch)
// and never goes back; a tick publishes but never judges.
// Redelivery: duplicates count (they prove the same time); a record that was read again moves nothing.
import {
  parseTopicPartition,
  type RecordBatch,
  topicPartitionName,
  type TopicPartitionName,
} from '../sources/source.ts';
import type { EntryContext, InputBatch, StreamBatch, StreamRecord, TimedEvent } from './batch.ts';
import { routedOf } from './routed-batch.ts';
import { RecordTime, type Stage, stageOf } from './stage.ts';

export interface WatermarkOptions {
  /** How far a partition's watermark stays behind the newest event time seen in it. */
  readonly outOfOrdernessMs: number;
  /** Topics whose records say nothing about event time (rules): they neither hold nor move the watermark. */
  readonly timelessTopics?: readonly string[];
}

/** The watermark record by record, for one entry: `open`, `step` for each record, `close`. */
export interface WatermarkSteps {
  open(entry: EntryContext): void;
  /** Of the batch's partition, for `step`; −1 where its records say nothing about event time. */
  placeOf(batch: RecordBatch): number;
  /** Tells `time` the task's watermark just before the record of that partition, which then moves it. */
  step(place: number, time: RecordTime): void;
  close(entry: EntryContext): Pick<StreamBatch<unknown>, 'endWatermarkMs' | 'publishUpToMs' | 'incompleteBeforeMs'>;
}

/** The watermark as a stage, and what an owner wants to know of it. */
export interface WatermarkStage<E> extends Stage<InputBatch<E>, StreamBatch<E>> {
  /** Absent: only whole batches are judged. */
  readonly steps?: WatermarkSteps;
  /** Highest event time of a partition, −Infinity before its first record. */
  partitionTimeMs(partition: TopicPartitionName): number;
  /** The task's watermark now. */
  watermarkMs(): number;
}

interface WatermarkState {
  names: TopicPartitionName[];
  /** By place in `names`. */
  maxEventTimeMs: number[];
  taskMs: number;
  newestEventTimeMs: number;
  /** Clock of the last entry that had records. */
  activityClockMs: number;
  incompleteBeforeMs: number;
  /** True from an accepted gap until records after it have shown how far it reached. */
  isGapOpen: boolean;
}

/** Gives every record the watermark that it is judged by. */
export function watermark<E extends TimedEvent>(options: WatermarkOptions): WatermarkStage<E> {
  const core = new Watermark<E>(options);
  return {
    ...stageOf(core),
    steps: core,
    partitionTimeMs: (partition) => core.partitionTimeMs(partition),
    watermarkMs: () => core.state.taskMs,
  };
}

class Watermark<E extends TimedEvent> {
  state: WatermarkState = {
    names: [],
    maxEventTimeMs: [],
    taskMs: -Infinity,
    newestEventTimeMs: -Infinity,
    activityClockMs: -Infinity,
    incompleteBeforeMs: -Infinity,
    isGapOpen: false,
  };
  private readonly outOfOrdernessMs: number;
  private places = new Map<TopicPartitionName, number>();
  /** Places of the partitions that are not idle, and the one of them that is furthest behind (−1: none). */
  private active: number[] = [];
  private slowest = -1;
  private readonly timelessTopics: ReadonlySet<string>;

  constructor({ outOfOrdernessMs, timelessTopics = [] }: WatermarkOptions) {
    this.outOfOrdernessMs = outOfOrdernessMs;
    this.timelessTopics = new Set(timelessTopics);
  }

  apply(batch: InputBatch<E>): StreamBatch<E> {
    const { entry, records } = batch;
    this.open(entry);
    const watermarkMs = new Float64Array(records.length);
    const time = new RecordTime();
    let read: RecordBatch | undefined;
    let place = -1;
    let routed: ReturnType<typeof routedOf> = null;
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as StreamRecord<E>;
      if (record.batch !== read) {
        place = this.placeOf((read = record.batch));
        routed = routedOf(read);
      }
      time.eventTimeMs = record.event.eventTimeMs;
      if (routed) this.stepRouted(place, time, routed.watermarkMs[record.index] as number);
      else this.step(place, time);
      watermarkMs[i] = time.watermarkMs;
    }
    return { ...batch, watermarkMs, ...this.close(entry) };
  }

  open(entry: EntryContext): void {
    const idle = new Set(entry.idle);
    this.active = entry.partitions
      .filter((name) => !idle.has(name) && !this.isTimeless(name))
      .map((name) => this.place(name));
    this.advanceTask();
  }

  placeOf(batch: RecordBatch): number {
    return this.timelessTopics.has(batch.topic) ? -1 : this.place(routedOf(batch)?.from ?? topicPartitionName(batch));
  }

  /** Hot: the minimum is only looked for again when the slowest partition has moved. */
  step(place: number, time: RecordTime): void {
    const { state } = this;
    const { maxEventTimeMs } = state;
    const { eventTimeMs } = time;
    time.watermarkMs = state.taskMs;
    if (place < 0 || eventTimeMs <= (maxEventTimeMs[place] as number)) return;
    maxEventTimeMs[place] = eventTimeMs;
    if (eventTimeMs > state.newestEventTimeMs) state.newestEventTimeMs = eventTimeMs;
    if (place === this.slowest) this.advanceTask();
  }

  close(entry: EntryContext): Pick<StreamBatch<E>, 'endWatermarkMs' | 'publishUpToMs' | 'incompleteBeforeMs'> {
    this.noteGap(entry);
    if (entry.hasRecords) this.state.activityClockMs = entry.clockMs;
    return {
      endWatermarkMs: this.state.taskMs,
      publishUpToMs: this.publishUpToMs(entry),
      incompleteBeforeMs: this.state.incompleteBeforeMs,
    };
  }

  /** A router knows of records that went elsewhere: its word counts instead of the record's time, and already for the record. */
  private stepRouted(place: number, time: RecordTime, routerMs: number): void {
    const { state } = this;
    const timeMs = routerMs + this.outOfOrdernessMs;
    if (time.eventTimeMs > state.newestEventTimeMs) state.newestEventTimeMs = time.eventTimeMs;
    if (timeMs > (state.maxEventTimeMs[place] as number)) {
      state.maxEventTimeMs[place] = timeMs;
      if (place === this.slowest) this.advanceTask();
    }
    time.watermarkMs = state.taskMs;
  }

  private advanceTask(): void {
    const { maxEventTimeMs } = this.state;
    let slowest = -1;
    let lowestMs = Infinity;
    for (const place of this.active) {
      const timeMs = maxEventTimeMs[place] as number;
      if (slowest >= 0 && timeMs >= lowestMs) continue;
      slowest = place;
      lowestMs = timeMs;
    }
    this.slowest = slowest;
    if (slowest < 0) return;
    const nextMs = lowestMs - this.outOfOrdernessMs;
    if (nextMs > this.state.taskMs) this.state.taskMs = nextMs;
  }

  private publishUpToMs(entry: EntryContext): number {
    const { taskMs, newestEventTimeMs, activityClockMs } = this.state;
    if (!entry.isAllIdle || newestEventTimeMs === -Infinity) return taskMs;
    const silenceMs = entry.clockMs - activityClockMs;
    return Math.max(taskMs, newestEventTimeMs + silenceMs - this.outOfOrdernessMs);
  }

  /** What a gap hides lies before the newest event time here, or before the first records that follow it. */
  private noteGap(entry: EntryContext): void {
    const { state } = this;
    if (entry.hasSkip) state.isGapOpen = true;
    if (!state.isGapOpen) return;
    state.incompleteBeforeMs = Math.max(state.incompleteBeforeMs, state.newestEventTimeMs);
    if (entry.hasRecords) state.isGapOpen = false;
  }

  private isTimeless(name: TopicPartitionName): boolean {
    return this.timelessTopics.size > 0 && this.timelessTopics.has(parseTopicPartition(name).topic);
  }

  private place(name: TopicPartitionName): number {
    const known = this.places.get(name);
    if (known !== undefined) return known;
    const place = this.state.names.push(name) - 1;
    this.state.maxEventTimeMs.push(-Infinity);
    this.places.set(name, place);
    return place;
  }

  partitionTimeMs(name: TopicPartitionName): number {
    const place = this.places.get(name);
    return place === undefined ? -Infinity : (this.state.maxEventTimeMs[place] as number);
  }

  snapshot(): unknown {
    const { names, maxEventTimeMs, ...rest } = this.state;
    return { ...rest, names: [...names], maxEventTimeMs: [...maxEventTimeMs] };
  }

  restore(state: unknown): void {
    this.state = state as WatermarkState;
    this.places = new Map(this.state.names.map((name, place) => [name, place]));
  }

  counters(): Readonly<Record<string, number>> {
    return {};
  }
}
