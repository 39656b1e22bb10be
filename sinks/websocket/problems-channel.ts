// The channel `problems`: how many events were set aside since the gateway began to read, and the newest of them.
// Guarantees: bounded (the newest `problemsMax`; sources beyond 50 under one name); the events' own bytes never go out.
// Redelivery: a result seen before is known by its identity, as long as it is held, and counted once.
import type { DeadLetter, InputPosition, LateRecord, Quarantined } from '../../events/results.ts';
import type { ProblemCounts, ProblemRow } from '../../live/messages.ts';
import { parseNoParams, type Channel } from './channel.ts';
import { LiveView, type LiveViewLimits } from './live-view.ts';

type Problem = DeadLetter | Quarantined | LateRecord;

const sourcesMax = 50;
const others = '(others)';
const countsId = 'counts';

export interface ProblemsChannel extends Channel {
  add(problem: Problem): void;
}

export function createProblemsChannel(
  limits: LiveViewLimits & { readonly problemsMax: number },
  sinceMs: number,
): ProblemsChannel {
  const view = new LiveView(limits);
  const held: string[] = [];
  let counts: ProblemCounts = {
    kind: 'counts',
    sinceMs,
    deadLetters: 0,
    late: 0,
    quarantined: 0,
    byReason: {},
    bySource: {},
  };
  let changes = 0;
  const put = (id: string, revision: string, row: ProblemRow): boolean => view.put({ id, revision, row });
  const putCounts = (): boolean => put(countsId, String(++changes), counts);
  putCounts();
  view.readiness = 'complete';
  return {
    name: 'problems',
    view,
    parse: parseNoParams,
    add(problem) {
      const id = identityOf(problem);
      const isNew = !view.get(id);
      if (!put(id, problem.revision, withoutBytes(problem)) || !isNew) return;
      held.push(id);
      if (held.length > limits.problemsMax) view.expire(held.shift() ?? '');
      counts = counted(counts, problem);
      putCounts();
    },
  };
}

/** Identity of a result that was set aside: where its event stands, and for a late record which window it missed. */
function identityOf(problem: Problem): string {
  const { kind, pipeline, version, producer, input } = problem;
  const base = `${kind} ${pipeline} ${version} ${producer.epoch} ${positionText(input)}`;
  return problem.kind === 'late' ? `${base} ${problem.output} ${problem.windowStartMs} ${problem.key}` : base;
}

const positionText = ({ topic, partition, inputOffset }: InputPosition): string =>
  `${topic}-${partition}@${inputOffset}`;

function withoutBytes(problem: Problem): ProblemRow {
  if (problem.kind === 'late') return problem;
  const { keyBase64: _key, valueBase64: _value, ...row } = problem;
  return row;
}

function counted(counts: ProblemCounts, problem: Problem): ProblemCounts {
  const source = problem.kind === 'quarantined' ? null : problem.source;
  const bySource = source === null ? counts.bySource : bump(counts.bySource, source, sourcesMax);
  switch (problem.kind) {
    case 'dead-letter':
      return {
        ...counts,
        deadLetters: counts.deadLetters + 1,
        byReason: bump(counts.byReason, problem.reason, sourcesMax),
        bySource,
      };
    case 'late':
      return { ...counts, late: counts.late + 1, bySource };
    case 'quarantined':
      return { ...counts, quarantined: counts.quarantined + 1 };
  }
}

function bump(from: Readonly<Record<string, number>>, name: string, namesMax: number): Record<string, number> {
  const isRoom = Object.hasOwn(from, name) || Object.keys(from).length < namesMax;
  const to = isRoom ? name : others;
  // A null prototype: names come from outside, and `__proto__` is one that JSON carries.
  return Object.assign(Object.create(null) as Record<string, number>, from, {
    [to]: (Object.hasOwn(from, to) ? (from[to] ?? 0) : 0) + 1,
  });
}
