import type { ExpectedList, OracleClick } from './oracle-lists.ts';
import { oracleSpan } from './oracle-trends.ts';

/**
 * Co-visited lists by the text of docs/recommendations.md: pairs of items of one session, by hour, over 24 hours; damped by how many
 * sessions visited each of the two. Plain Maps of Maps, every count added up anew.
 */
const hourMs = 3_600_000;
const windowMs = 24 * hourMs;
const gapMs = 1_800_000;
const sessionItems = 20;
const neighbours = { most: 256, kept: 128 };
const everyMs = 10_000;
const perStep = 250;
const waitingMost = 1_000;
const listMax = 12;

type ByHour = Map<number, number>;

interface OracleItem {
  lastMs: number;
  readonly sessions: ByHour;
  readonly together: Map<string, ByHour>;
}

export class OracleCoVisits {
  /** By `0 item`. */
  readonly lists = new Map<string, ExpectedList>();
  private readonly items = new Map<string, OracleItem>();
  private readonly sessions = new Map<string, { lastMs: number; items: string[] }>();
  /** Items whose pairs have changed, the longest waiting first. */
  private waiting: string[] = [];
  private readonly isWaiting = new Set<string>();
  private lastStep = -1;

  add({ userId, sessionId, itemId, atMs }: OracleClick, newestMs: number): void {
    const key = JSON.stringify([userId, sessionId]);
    const known = this.sessions.get(key);
    const isOver = !known || newestMs - known.lastMs > 4 * gapMs || atMs - known.lastMs > gapMs;
    const before = isOver ? [] : known.items;
    const lastMs = Math.max(atMs, known?.lastMs ?? atMs);
    if (before.includes(itemId)) {
      this.sessions.set(key, { lastMs, items: before });
      return;
    }
    this.sessions.set(key, { lastMs, items: [...before, itemId].slice(-sessionItems) });
    this.visit(itemId, before, atMs, newestMs);
    if (before.length > 0) for (const changed of [itemId, ...before]) this.wait(changed);
  }

  endEntry(newestMs: number, clockMs: number): void {
    const step = Math.floor(clockMs / everyMs);
    if (step <= this.lastStep) return;
    this.lastStep = step;
    for (const itemId of this.waiting.splice(0, perStep)) {
      this.isWaiting.delete(itemId);
      const items = JSON.stringify(this.list(itemId, newestMs));
      this.lists.set(`0 ${itemId}`, { items, eventTimeMs: newestMs, clockMs });
    }
  }

  private wait(itemId: string): void {
    if (this.isWaiting.has(itemId)) return;
    this.isWaiting.add(itemId);
    this.waiting.push(itemId);
    if (this.waiting.length > waitingMost) this.isWaiting.delete(this.waiting.shift() ?? '');
  }

  private visit(itemId: string, before: readonly string[], atMs: number, newestMs: number): void {
    const item = this.touch(itemId, atMs, newestMs);
    const hour = hourOf(atMs);
    if (hour <= hourOf(newestMs) - 24) return;
    bump(item.sessions, hour);
    for (const otherId of before) {
      const other = this.touch(otherId, atMs, newestMs);
      for (const [one, neighbour] of [[item, otherId] as const, [other, itemId] as const]) {
        const hours = one.together.get(neighbour) ?? new Map<number, number>();
        one.together.set(neighbour, hours);
        bump(hours, hour);
        if (one.together.size > neighbours.most) forgetWeakest(one.together, hourOf(newestMs));
      }
    }
  }

  /** An item that nobody visited for a window begins anew. */
  private touch(itemId: string, atMs: number, newestMs: number): OracleItem {
    const known = this.items.get(itemId);
    const isKnown = known && newestMs - known.lastMs <= windowMs;
    const item: OracleItem = isKnown ? known : { lastMs: atMs, sessions: new Map(), together: new Map() };
    item.lastMs = Math.max(item.lastMs, atMs);
    this.items.set(itemId, item);
    return item;
  }

  private list(itemId: string, newestMs: number): readonly object[] {
    const item = this.items.get(itemId);
    if (!item) return [];
    const hour = hourOf(newestMs);
    const own = total(item.sessions, hour).count;
    return [...item.together]
      .map(([otherId, hours]) => {
        const { count, oldest } = total(hours, hour);
        const theirs = total(this.items.get(otherId)?.sessions ?? new Map(), hour).count;
        return {
          otherId,
          count,
          oldest,
          millionths: Math.round((1_000_000 * count) / Math.sqrt((own + 5) * (theirs + 5))),
        };
      })
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.millionths - a.millionths || b.count - a.count || (a.otherId < b.otherId ? -1 : 1))
      .slice(0, listMax)
      .map(({ otherId, count, oldest, millionths }) => ({
        itemId: otherId,
        score: millionths / 1_000_000,
        reason: `${count} ${count === 1 ? 'session' : 'sessions'} in ${oracleSpan(newestMs - oldest * hourMs)} viewed both`,
      }));
  }
}

const hourOf = (ms: number): number => Math.floor(ms / hourMs);
const bump = (hours: ByHour, hour: number): void => void hours.set(hour, (hours.get(hour) ?? 0) + 1);

/** The last 24 hours, the one that is under way with them. */
function total(hours: ByHour, now: number): { readonly count: number; readonly oldest: number } {
  let [count, oldest] = [0, Infinity];
  for (const [hour, times] of hours) {
    if (hour <= now - 24) continue;
    count += times;
    oldest = Math.min(oldest, hour);
  }
  return { count, oldest };
}

function forgetWeakest(together: Map<string, ByHour>, now: number): void {
  const ranked = [...together].map(([itemId, hours]) => {
    return { itemId, count: total(hours, now).count, newest: Math.max(...hours.keys()) };
  });
  ranked.sort((a, b) => b.count - a.count || b.newest - a.newest || (a.itemId < b.itemId ? -1 : 1));
  for (const { itemId } of ranked.slice(neighbours.kept)) together.delete(itemId);
}
