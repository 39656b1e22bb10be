import type { LiveRow, ProblemRow } from '../live/messages.ts';
import type { SystemStatus } from '../live/system-status.ts';
import { formatClock, formatCount } from './format.ts';
import { Badge, Card, Empty, Time } from './parts.tsx';
import { problemLines, worstSource, type ProblemLine } from './problem-line.ts';

/** How many of the newest are listed. */
const linesMax = 6;

/** Late, duplicate, dead-lettered and quarantined events: how many, and the newest few. Everything from outside is shown as text. */
export function ProblemsCard(props: {
  readonly totals: SystemStatus['totals'] | null;
  readonly rows: readonly LiveRow<ProblemRow>[];
}) {
  const { totals, rows } = props;
  const lines = problemLines(rows, linesMax);
  const worst = worstSource(rows);
  return (
    <Card id="problems" title="Set aside, never lost" span="span-4">
      <dl class="tallies">
        <Tally name="Dead letters" count={totals?.deadLetters} id="dead-letters" />
        <Tally name="Late" count={totals?.late} id="late" />
        <Tally name="Duplicates" count={totals?.duplicates} id="duplicates" />
        <Tally name="Quarantined" count={totals?.quarantined} id="quarantined" />
      </dl>
      {worst === null ? null : (
        <p class="soft wrap">
          Most from <b>{worst.source}</b>: {formatCount(worst.count)}
        </p>
      )}
      {lines.length === 0 ? (
        <Empty title={totals === null ? 'Waiting for the first status' : 'Nothing set aside so far'} />
      ) : (
        <ol class="rows" aria-label="Newest events set aside">
          {lines.map((line) => (
            <Problem key={line.id} line={line} />
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

function Problem({ line }: { readonly line: ProblemLine }) {
  return (
    <li>
      <div class="line">
        <Badge tone={line.kind === 'late' ? 'warn' : 'bad'}>{line.title}</Badge>
        <span class="soft number">
          <Time atMs={line.atMs} text={formatClock(line.atMs)} />
        </span>
      </div>
      <p class="wrap">{line.message}</p>
      <p class="soft mono">
        {line.place}
        {line.source === null ? null : ` from ${line.source}`}
      </p>
    </li>
  );
}
