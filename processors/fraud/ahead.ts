// Payments ahead of the watermark, one by one: whether one counts depends on the time as of which is asked.
// Guarantees: those whose time is not after that are counted; they stay in fold order.
// Redelivery: knows no ids; duplicates were dropped before.
import type { NumberReader, NumberRow } from '../../streams/number-row.ts';
import { roomFor } from '../../streams/room-for.ts';
import { type Blocks, NumberLists } from './number-lists.ts';
import type { Others } from './others.ts';
import { type Edges, featureLevels, type Totals } from './windows.ts';

/** One payment as an entity sees it; filled again for each. */
export class Seen {
  /** The payment's event time, or the watermark where that is later: a late payment counts as if it happened at the watermark. */
  asOfMs = 0.5;
  amountMinor = 0.5;
  currency = 0;
  /** The watermark just before it. */
  watermarkMs = 0.5;
  /** The place of the other side: the terminal of a card, the card of a device or terminal; −1 where there is none. */
  other = -1;
}

/** Up to here, comparing each payment with each is cheaper than noting them. */
const fewMax = 8;
/** Numbers a payment: time, amount, currency, other. */
const width = 4;

/** Of each entity, by its place. */
export class Ahead {
  private readonly lists: NumberLists;
  private readonly noted = new Noted();

  constructor(blocks: Blocks) {
    this.lists = new NumberLists(blocks, width);
  }

  makeRoomFor(entity: number): void {
    this.lists.makeRoomFor(entity);
  }

  push(entity: number, { asOfMs, amountMinor, currency, other }: Seen): void {
    const at = this.lists.append(entity);
    const page = this.lists.page(entity);
    page[at] = asOfMs;
    page[at + 1] = amountMinor;
    page[at + 2] = currency;
    page[at + 3] = other;
  }

  length(entity: number): number {
    return this.lists.count(entity);
  }

  /** Payment i into `into`. */
  at(entity: number, i: number, into: Seen): void {
    const page = this.lists.page(entity);
    const at = this.lists.from(entity) + i * width;
    into.asOfMs = page[at] as number;
    into.amountMinor = page[at + 1] as number;
    into.currency = page[at + 2] as number;
    into.other = page[at + 3] as number;
  }

  /** Puts payment i in the place of an earlier one. */
  move(entity: number, i: number, to: number): void {
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    for (let n = 0; n < width; n++) page[from + to * width + n] = page[from + i * width + n] as number;
  }

  truncate(entity: number, length: number): void {
    this.lists.truncate(entity, length);
  }

  clear(entity: number): void {
    this.lists.clear(entity);
  }

  write(entity: number, into: NumberRow): void {
    this.lists.write(entity, into);
  }

  restore(entity: number, from: NumberReader): void {
    this.lists.read(entity, from);
  }

  has(entity: number, other: number): boolean {
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    const end = from + width * this.lists.count(entity);
    for (let at = from; at < end; at += width) if (page[at + 3] === other) return true;
    return false;
  }

  /** How many one window holds. */
  count(entity: number, level: number, edges: Edges): number {
    const startMs = edges.startMs[level] as number;
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    const end = from + width * this.lists.count(entity);
    let count = 0;
    for (let at = from; at < end; at += width)
      if ((page[at] as number) <= edges.asOfMs && (page[at] as number) >= startMs) count += 1;
    return count;
  }

  /** Adds what the windows hold of them to `into`, which holds what the `others` that were seen before say. */
  read(entity: number, { currency, other }: Seen, edges: Edges, others: Others, into: Totals): void {
    const count = this.lists.count(entity);
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    for (let i = 0; i < count; i++) {
      const at = from + i * width;
      const asOfMs = page[at] as number;
      if (asOfMs > edges.asOfMs) continue;
      const amountMinor = page[at + 1] as number;
      const isAsked = page[at + 2] === currency;
      for (let level = edges.shortestOf(asOfMs); level < featureLevels; level++) {
        into.addAll(level, 1);
        if (isAsked) into.add(level, 1, amountMinor, amountMinor);
      }
      const met = page[at + 3] as number;
      if (count > fewMax || met === -1 || !isLast(page, from, count, i, edges.asOfMs)) continue;
      const seenMs = met === other ? (into.otherMs[0] as number) : others.lastMs(entity, met);
      countMet(asOfMs, seenMs, edges, into);
    }
    if (count > fewMax) this.readMet(entity, edges, others, into);
  }

  /** Whom they met, where there are many. */
  private readMet(entity: number, edges: Edges, others: Others, into: Totals): void {
    const { noted } = this;
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    const end = from + width * this.lists.count(entity);
    noted.begin();
    for (let at = from; at < end; at += width)
      if (page[at + 3] !== -1 && (page[at] as number) <= edges.asOfMs) noted.note(page, at);
    for (let i = 0; i < noted.count; i++) {
      const met = noted.others[i] as number;
      countMet(noted.lastMs[met] as number, others.lastMs(entity, met), edges, into);
    }
  }
}

/** When each other was last seen among some payments. What was noted before is told by its mark, so that nothing is made or cleared. */
class Noted {
  /** In the order of their first payment; so many of them. */
  readonly others: number[] = [];
  count = 0;
  /** By the place of the other. */
  lastMs = new Float64Array(64);
  private marks = new Int32Array(64);
  private mark = 0;

  begin(): void {
    this.count = 0;
    this.mark += 1;
    if (this.mark < marksEnd) return;
    this.marks.fill(0);
    this.mark = 1;
  }

  /** The payment at `at`. */
  note(page: Float64Array, at: number): void {
    const atMs = page[at] as number;
    const other = page[at + 3] as number;
    if (other >= this.marks.length) {
      this.marks = roomFor(this.marks, other + 1);
      this.lastMs = roomFor(this.lastMs, other + 1);
    }
    if (this.marks[other] !== this.mark) {
      this.marks[other] = this.mark;
      this.lastMs[other] = atMs;
      this.others[this.count++] = other;
    } else if (atMs > (this.lastMs[other] as number)) this.lastMs[other] = atMs;
  }
}

const marksEnd = 2 ** 31 - 1;

/** Adds one to each window that holds an other only by what is ahead of the watermark. */
function countMet(lastMs: number, seenMs: number, edges: Edges, into: Totals): void {
  const seenFrom = Math.min(edges.shortestOf(seenMs), featureLevels);
  for (let level = edges.shortestOf(lastMs); level < seenFrom; level++)
    into.distinct[level] = (into.distinct[level] as number) + 1;
}

/** Whether of payment i's other none counts that is later, or as late and after it. */
function isLast(page: Float64Array, from: number, count: number, i: number, untilMs: number): boolean {
  const at = from + i * width;
  const asOfMs = page[at] as number;
  for (let n = 0; n < count; n++) {
    const two = from + n * width;
    const twoMs = page[two] as number;
    const isLater = twoMs > asOfMs || (twoMs === asOfMs && n > i);
    if (isLater && twoMs <= untilMs && page[two + 3] === page[at + 3]) return false;
  }
  return true;
}
