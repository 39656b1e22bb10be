// What each visitor looked at last and has bought. Guarantees: the newest items by event time, each once, however late an event comes;
// what was bought stays known as long as the visitor is. Redelivery: the same event again would change nothing.
import type { Interaction } from '../../events/interaction.ts';
import type { MixedReader, MixedRow } from '../../streams/mixed-row.ts';
import type { BegunSnapshot } from '../../tasks/contract.ts';
import { Kept, type Touched } from './kept.ts';

/** Items that a personal list is made from. */
export const recentMax = 10;
/** Items that are known as bought; with more the longest known goes. */
const boughtMax = 500;
/** How long a visitor who does not come back is remembered. */
const keepMs = 90 * 86_400_000;

export interface Visitor extends Touched {
  /** Newest first, with when. */
  recent: string[];
  recentMs: number[];
  /** Newest last. */
  bought: string[];
}

export class Visitors {
  private readonly byId: Kept<Visitor>;

  constructor(keysMax: number) {
    const create = (): Visitor => ({ lastMs: -Infinity, recent: [], recentMs: [], bought: [] });
    this.byId = new Kept({ keysMax, keepMs, create, write, read });
  }

  get size(): number {
    return this.byId.size;
  }

  hasRoomFor(userId: string): boolean {
    return this.byId.hasRoomFor(userId);
  }

  get(userId: string, newestMs: number): Visitor | undefined {
    return this.byId.get(userId, newestMs);
  }

  add({ userId, itemId, action, eventTimeMs }: Interaction, newestMs: number): void {
    const visitor = this.byId.touch(userId, eventTimeMs, newestMs);
    look(visitor, itemId, eventTimeMs);
    if (action !== 'purchase' || visitor.bought.includes(itemId)) return;
    visitor.bought.push(itemId);
    if (visitor.bought.length > boughtMax) visitor.bought.shift();
  }

  sweep(newestMs: number): void {
    this.byId.sweep(newestMs);
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    return this.byId.beginSnapshot(pieceBytes);
  }

  restore(state: unknown): void {
    this.byId.restore(state);
  }
}

function write({ recent, recentMs, bought }: Visitor, into: MixedRow): void {
  into.putTexts(recent);
  for (const ms of recentMs) into.putTime(ms);
  into.putTexts(bought);
}

function read(visitor: Visitor, from: MixedReader): void {
  visitor.recent = from.takeTexts();
  visitor.recentMs = visitor.recent.map(() => from.takeTime());
  visitor.bought = from.takeTexts();
}

function look({ recent, recentMs }: Visitor, itemId: string, timeMs: number): void {
  const known = recent.indexOf(itemId);
  if (known >= 0) {
    if ((recentMs[known] as number) > timeMs) return;
    recent.splice(known, 1);
    recentMs.splice(known, 1);
  }
  let at = 0;
  while (at < recent.length && (recentMs[at] as number) > timeMs) at += 1;
  recent.splice(at, 0, itemId);
  recentMs.splice(at, 0, timeMs);
  if (recent.length <= recentMax) return;
  recent.pop();
  recentMs.pop();
}
