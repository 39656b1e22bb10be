// The channel `decisions`: how many by outcome, minute by minute, and the newest of them as lines.
// Guarantees: each decision is counted once; bounded (the newest `decisionsMax`, an hour of minutes); at most `decisionsPerUpdateMax` lines
// every `decisionsEveryMs`, those that are not approved first, so that no rate of payments makes a page run.
// Redelivery: a decision at or before the newest place of its producer changes nothing.
import type { Decision, Outcome } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import type { DecisionCounts, DecisionLine } from '../../live/messages.ts';
import type { RecordBatch } from '../../sources/source.ts';
import { parseNoParams } from './channel.ts';
import { decodeRow } from './decode-row.ts';
import type { GatewayLimits } from './limits.ts';
import { LiveView } from './live-view.ts';
import type { TopicChannel } from './topic-channel.ts';

type Counts = Record<Outcome, number>;
interface Minute extends Counts {
  readonly startMs: number;
}

const minuteMs = 60_000;
const minutesMax = 60;

export function createDecisionsChannel(limits: GatewayLimits, sinceMs: number): TopicChannel {
  const view = new LiveView(limits);
  const total: Counts = { approve: 0, review: 0, decline: 0 };
  const minutes: Minute[] = [];
  /** Of each producer and partition, the place of the newest decision. */
  const seen = new Map<string, { readonly revision: bigint; readonly index: number }>();
  const held: string[] = [];
  let waiting: Decision[] = [];
  let isChanged = true;
  let updates = 0;
  let nextMs = 0;

  const isRepeated = ({ pipeline, version, producer, revision }: Decision, partition: number): boolean => {
    const key = `${pipeline} ${version} ${producer.shard} ${partition}`;
    const known = seen.get(key);
    const place = { revision: BigInt(revision), index: producer.index };
    if (known && (place.revision < known.revision || (place.revision === known.revision && place.index <= known.index)))
      return true;
    seen.set(key, place);
    return false;
  };
  const show = (decision: Decision): void => {
    const { pipeline, version, paymentSource, paymentId, revision } = decision;
    const id = JSON.stringify([pipeline, version, paymentSource, paymentId]);
    const isNew = !view.get(id);
    view.put({ id, revision, row: lineOf(decision) });
    if (isNew && held.push(id) > limits.decisionsMax) view.expire(held.shift() ?? '');
  };
  view.readiness = 'complete';
  return {
    name: 'decisions',
    topic: resultTopics.decisions,
    tailRecords: limits.decisionsMax,
    view,
    parse: parseNoParams,
    add(batch: RecordBatch, index: number) {
      const decision = decodeDecision(batch, index);
      if (!decision) return false;
      if (isRepeated(decision, batch.partition)) return true;
      total[decision.outcome] += 1;
      minuteOf(minutes, decision.clockMs)[decision.outcome] += 1;
      isChanged = true;
      waiting.push(decision);
      if (waiting.length > 20 * limits.decisionsPerUpdateMax) waiting = chosen(waiting, limits.decisionsPerUpdateMax);
      return true;
    },
    keepTime(nowMs) {
      if (!isChanged || nowMs < nextMs) return;
      nextMs = nowMs + limits.decisionsEveryMs;
      for (const decision of chosen(waiting, limits.decisionsPerUpdateMax)) show(decision);
      waiting = [];
      isChanged = false;
      const counts: DecisionCounts = {
        ...{ kind: 'counts', sinceMs, total: { ...total } },
        minutes: minutes.map((minute) => ({ ...minute })),
      };
      view.put({ id: 'counts', revision: String(++updates), row: counts });
    },
  };
}

/** The newest, those that are not approved before all others; in the order in which they came. */
function chosen(decisions: readonly Decision[], countMax: number): Decision[] {
  if (decisions.length <= countMax) return [...decisions];
  const newest = decisions
    .map((decision, place) => ({ decision, place, isApproved: decision.outcome === 'approve' }))
    .toSorted((a, b) => Number(a.isApproved) - Number(b.isApproved) || b.place - a.place);
  return newest
    .slice(0, countMax)
    .toSorted((a, b) => a.place - b.place)
    .map(({ decision }) => decision);
}

/** The minute of a logged clock, made in its place; clocks do not go back by more than the tasks of several shards differ. */
function minuteOf(minutes: Minute[], clockMs: number): Minute {
  const startMs = Math.floor(clockMs / minuteMs) * minuteMs;
  let at = minutes.length;
  while (at > 0 && (minutes[at - 1] as Minute).startMs > startMs) at -= 1;
  const known = minutes[at - 1];
  if (known?.startMs === startMs) return known;
  const made: Minute = { startMs, approve: 0, review: 0, decline: 0 };
  minutes.splice(at, 0, made);
  if (minutes.length > minutesMax) minutes.shift();
  return made;
}

function lineOf({ features: _features, rules, ...decision }: Decision): DecisionLine {
  const hits = rules
    .filter(({ verdict }) => verdict === 'hit')
    .map(({ ruleId, weight, reason }) => ({ ruleId, weight, reason }));
  return { ...decision, kind: 'decision-line', hits };
}

const outcomes: ReadonlySet<unknown> = new Set<Outcome>(['approve', 'review', 'decline']);

function decodeDecision(batch: RecordBatch, index: number): Decision | null {
  const row = decodeRow(batch, index, 'decision');
  const isDecision =
    typeof row?.['paymentId'] === 'string' && outcomes.has(row['outcome']) && Array.isArray(row['rules']);
  return isDecision ? (row as unknown as Decision) : null;
}
