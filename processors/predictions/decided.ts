// Which payments were declined, folded by identity: a decision made again replaces the one before it, it does not add.
// Guarantees: of one producer and partition only what is newer than all before counts; of a payment the newest decision counts, while
// its minute takes corrections. 20 bytes a payment, in event time bounded by the allowed lateness.
// Redelivery: what was seen changes nothing, however often it comes.
import type { DecisionMade } from '../../events/decision-made.ts';
import { type Hash128, murmur128 } from '../../streams/murmur.ts';
import { beginPlain, joined, split } from '../../streams/pieces.ts';
import { SeenIds } from '../../streams/seen-ids.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';

/** How a decision changes its minute: `count` more payments are decided, `declined` more (or fewer) of them declined. */
export interface DecidedChange {
  readonly count: 0 | 1;
  readonly declined: -1 | 0 | 1;
}

const minuteMs = 60_000;
const none: DecidedChange = { count: 0, declined: 0 };
const noSeed: Hash128 = new Int32Array(4);

export class Decided {
  private readonly declined = new SeenIds();
  private readonly others = new SeenIds();
  /** By producer and partition: revision and index of the newest. */
  private readonly newest = new Map<string, readonly [revision: string, index: number]>();
  /** The newest version of the pipeline that decides; decisions of older ones no longer count. */
  private pipelineVersion = 0;
  private readonly hash: Hash128 = new Int32Array(4);

  /** Null: it was seen before, or is of a version that was replaced. */
  fold(decision: DecisionMade, partition: number): DecidedChange | null {
    if (!this.isNew(decision, partition)) return null;
    murmur128(`${decision.paymentSource}\u0000${decision.paymentId}`, noSeed, this.hash);
    const [now, before] = decision.isDeclined ? [this.declined, this.others] : [this.others, this.declined];
    if (now.has(this.hash)) return none;
    const isReplaced = before.has(this.hash);
    before.forget(this.hash);
    now.add(this.hash, Math.floor(decision.eventTimeMs / minuteMs));
    if (isReplaced) return { count: 0, declined: decision.isDeclined ? 1 : -1 };
    return { count: 1, declined: decision.isDeclined ? 1 : 0 };
  }

  /** Decisions of minutes that take no more corrections. */
  expire(beforeMs: number): void {
    const minute = Math.floor(beforeMs / minuteMs);
    this.declined.expireBefore(minute);
    this.others.expireBefore(minute);
  }

  private isNew({ pipelineVersion, shard, revision, index }: DecisionMade, partition: number): boolean {
    if (pipelineVersion < this.pipelineVersion) return false;
    this.pipelineVersion = pipelineVersion;
    const producer = `${pipelineVersion} ${shard} ${partition}`;
    const known = this.newest.get(producer);
    if (known && !isAfter(revision, index, known)) return false;
    this.newest.set(producer, [revision, index]);
    return true;
  }

  size(): number {
    return this.declined.size + this.others.size;
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { declined, others, newest, pipelineVersion } = this;
    const plain: SavedPlain = { newest: [...newest], pipelineVersion };
    return joined({
      plain: beginPlain(plain),
      ...{ declined: declined.beginSnapshot(pieceBytes), others: others.beginSnapshot(pieceBytes) },
    });
  }

  restore(state: SlicedState): void {
    const { plain, declined, others } = split(state) as Record<'plain' | 'declined' | 'others', SlicedState>;
    const { newest, pipelineVersion } = plain.head as SavedPlain;
    this.declined.restore(declined);
    this.others.restore(others);
    for (const [producer, at] of newest) this.newest.set(producer, at);
    this.pipelineVersion = pipelineVersion;
  }
}

interface SavedPlain {
  readonly newest: readonly (readonly [string, readonly [string, number]])[];
  readonly pipelineVersion: number;
}

/** Decimal texts without leading zeros: the longer is the larger. */
function isAfter(revision: string, index: number, [known, knownIndex]: readonly [string, number]): boolean {
  if (revision.length !== known.length) return revision.length > known.length;
  return revision === known ? index > knownIndex : revision > known;
}
