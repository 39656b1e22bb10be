import { Badge, Card, Empty, Time } from './parts.tsx';
import { formatClock, formatCount, formatDuration } from './format.ts';
import type { ProblemCounts, ProblemRow } from './model.ts';

/** Late, duplicate, dead-lettered and quarantined events: how many, and the newest few. Everything from outside is shown as text. */
export function ProblemsCard(props: { readonly counts: ProblemCounts | null; readonly newest: readonly ProblemRow[] }) {
  const { counts, newest } = props;
  return (
    <Card id="problems" title="Set aside, never lost" span="span-4">
      <dl class="tallies">
        <Tally name="Dead letters" count={counts?.deadLettered} id="dead-letters" />
        <Tally name="Late" count={counts?.late} id="late" />
        <Tally name="Duplicates" count={counts?.duplicate} id="duplicates" />
        <Tally name="Quarantined" count={counts?.quarantined} id="quarantined" />
      </dl>
      {newest.length === 0 ? (
        <Empty title="Nothing set aside so far" />
      ) : (
        <ol class="rows" aria-label="Newest events set aside">
          {newest.map((row) => (
            <Problem key={row.identity} row={row} />
          ))}
        </ol>
      )}
    </Card>
  );
}

function Tally(props: { readonly name: string; readonly count: number | undefined; readonly id: string }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd data-tally={props.id}>{formatCount(props.count)}</dd>
    </div>
  );
}

function Problem({ row }: { readonly row: ProblemRow }) {
  return (
    <li>
      <div class="line">
        <Badge tone={row.kind === 'late' ? 'warn' : 'bad'}>{row.title}</Badge>
        <span class="soft number">
          {row.atMs === null ? null : <Time atMs={row.atMs} text={formatClock(row.atMs)} />}
        </span>
      </div>
      <p class="wrap">
        {row.message}
        {row.lateByMs === null ? null : `${formatDuration(row.lateByMs)} past the allowed lateness`}
      </p>
      <p class="soft mono">
        {row.topic}/{row.partition} at {row.inputOffset}
        {row.source === null ? null : ` from ${row.source}`}
      </p>
    </li>
  );
}
