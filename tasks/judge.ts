import type { TopicPartitionName } from '../sources/source.ts';
import type { Genesis, OrderClaim, OrderEntry, OrderRecord } from './contract.ts';

/**
 * Which records of an order log count. A pure function of the log alone: everyone who reads the log (owner, standby,
 * replay, verify) gets the same verdicts, so the log needs no other fencing. Its state is part of every snapshot.
 */

/** Plain data. Offsets are decimal text. */
export interface JudgeState {
  /** The last claim that counted; null before the first. */
  readonly lastClaimId: string | null;
  /** The last claim or entry that counted: what the next entry's `prev` must name. */
  readonly headId: string | null;
  readonly epoch: number;
  /** The largest clock of all that counted. */
  readonly clockMs: number;
  readonly idle: readonly TopicPartitionName[];
  /** The next offset of every input partition. */
  readonly positions: Readonly<Record<TopicPartitionName, string>>;
  /** The genesis that folding started from; null before the first. */
  readonly genesis: Genesis | null;
  /** An epoch began with a gap that no entry has carried yet. */
  readonly isGapPending: boolean;
  /** Which incarnations of the inputs are read, as the last claim that told has it; never taken over by a genesis. */
  readonly topics?: Readonly<Record<string, string>>;
  /** The pipeline version that took over: nothing counts any more. */
  readonly endedBy?: number;
}

/** `copy`: the same record counted already and nothing came after it; the rest lost a race or are wrong. */
export type IgnoredWhy =
  | 'undecodable'
  | 'mark'
  | 'ended'
  | 'copy'
  | 'claim_lost'
  | 'no_genesis'
  | 'wrong_prev'
  | 'join_known'
  | 'skip_mismatch'
  | 'range_mismatch';

export type Judgement =
  | { readonly verdict: 'ignored'; readonly why: IgnoredWhy; readonly state: JudgeState }
  | { readonly verdict: 'counts'; readonly kind: 'genesis'; readonly genesis: Genesis; readonly state: JudgeState }
  | { readonly verdict: 'counts'; readonly kind: 'claim'; readonly state: JudgeState }
  | { readonly verdict: 'counts'; readonly kind: 'entry'; readonly hasSkip: boolean; readonly state: JudgeState };

/** Before the first record of a log. */
export const emptyJudgeState: JudgeState = {
  lastClaimId: null,
  headId: null,
  epoch: 0,
  clockMs: 0,
  idle: [],
  positions: {},
  genesis: null,
  isGapPending: false,
};

/** Judges the next record of the log; `record` null: it could not be decoded. `state` is never changed. */
export function judge(state: JudgeState, record: OrderRecord | null): Judgement {
  if (!record) return { verdict: 'ignored', why: 'undecodable', state };
  if (state.endedBy !== undefined) return { verdict: 'ignored', why: 'ended', state };
  switch (record.kind) {
    case 'mark':
      return { verdict: 'ignored', why: 'mark', state };
    case 'claim':
      return judgeClaim(state, record);
    case 'entry':
      return judgeEntry(state, record);
  }
}

/** Rule 1: compare and swap; the first, and one that names a higher epoch, is a genesis. */
function judgeClaim(state: JudgeState, claim: OrderClaim): Judgement {
  if (claim.id === state.lastClaimId) return { verdict: 'ignored', why: 'copy', state };
  if (claim.replaces !== state.lastClaimId) return { verdict: 'ignored', why: 'claim_lost', state };
  const clockMs = Math.max(state.clockMs, claim.clockMs);
  const { genesis, topics } = claim;
  if (genesis && (!state.genesis || genesis.epoch > state.epoch)) {
    const started: JudgeState = {
      lastClaimId: claim.id,
      headId: claim.id,
      epoch: genesis.epoch,
      clockMs,
      idle: [],
      positions: { ...genesis.starts },
      genesis,
      isGapPending: genesis.gap !== undefined,
      ...(topics && { topics }),
    };
    return { verdict: 'counts', kind: 'genesis', genesis, state: started };
  }
  if (!state.genesis) return { verdict: 'ignored', why: 'no_genesis', state };
  const claimed: JudgeState = {
    ...state,
    lastClaimId: claim.id,
    headId: claim.id,
    clockMs,
    ...(topics && { topics }),
  };
  const { endedBy } = claim;
  return { verdict: 'counts', kind: 'claim', state: endedBy === undefined ? claimed : { ...claimed, endedBy } };
}

/** Rule 2: `prev` is the head, and joins, skips and ranges, all or none, continue exactly where the counted ones end. */
function judgeEntry(state: JudgeState, entry: OrderEntry): Judgement {
  if (!state.genesis) return { verdict: 'ignored', why: 'no_genesis', state };
  if (entry.prev !== state.headId)
    return { verdict: 'ignored', why: entry.id === state.headId ? 'copy' : 'wrong_prev', state };
  const positions = new Map(Object.entries(state.positions));
  const why = advance(positions, entry);
  if (why) return { verdict: 'ignored', why, state };
  const read = new Set(entry.ranges.map(([partition]) => partition));
  const next: JudgeState = {
    ...state,
    headId: entry.id,
    clockMs: Math.max(state.clockMs, entry.clockMs),
    idle: [...new Set(entry.idle)].filter((p) => positions.has(p) && !read.has(p)).sort(),
    positions: Object.fromEntries(positions),
    isGapPending: false,
  };
  return {
    verdict: 'counts',
    kind: 'entry',
    hasSkip: state.isGapPending || (entry.skips ?? []).length > 0,
    state: next,
  };
}

/** Moves `positions`, in the order joins, skips, ranges; or says what does not continue. */
function advance(positions: Map<TopicPartitionName, string>, entry: OrderEntry): IgnoredWhy | null {
  for (const [partition, start] of entry.joins ?? []) {
    if (positions.has(partition)) return 'join_known';
    positions.set(partition, start);
  }
  for (const [partition, from, to] of entry.skips ?? []) {
    if (positions.get(partition) !== from || BigInt(to) < BigInt(from)) return 'skip_mismatch';
    positions.set(partition, to);
  }
  for (const [partition, from, to, count] of entry.ranges) {
    const length = BigInt(to) - BigInt(from);
    if (positions.get(partition) !== from || length <= 0n || BigInt(count) > length) return 'range_mismatch';
    positions.set(partition, to);
  }
  return null;
}
