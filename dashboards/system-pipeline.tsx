import { Badge, Card, Time } from './parts.tsx';
import { formatClock, formatCount, formatDuration, noValue } from './format.ts';
import type { PipelineLine } from '../live/system-status.ts';
import { countIdentity } from './system-facts.ts';

/** `Pipeline revenue, version 1`; the shard only where it is not the first. */
export function pipelineTitle({ name, version, shard }: PipelineLine): string {
  return `Pipeline ${name}, version ${version}${shard === 0 ? '' : `, shard ${shard}`}`;
}

/** A pipeline's watermark, and the sum in which every record that it read must appear. */
export function PipelineCard({ pipeline, atMs }: { readonly pipeline: PipelineLine; readonly atMs: number }) {
  const identity = countIdentity(pipeline.counters);
  const { watermarkMs } = pipeline;
  return (
    <Card
      id={`pipeline-${pipeline.name}-${pipeline.version}-${pipeline.shard}`}
      title={pipelineTitle(pipeline)}
      span="span-12"
      aside={
        identity.difference === 0 ? (
          <Badge tone="good">every record accounted for</Badge>
        ) : (
          <Badge tone="bad">{formatCount(identity.difference)} records unaccounted for</Badge>
        )
      }
    >
      <p class="soft">
        Watermark {watermarkMs === null ? noValue : <Time atMs={watermarkMs} text={formatClock(watermarkMs)} />}
        {watermarkMs === null ? null : `, ${formatDuration(Math.max(0, atMs - watermarkMs))} behind the clock`},{' '}
        {formatCount(pipeline.lagRecords)} records not yet read
      </p>
      <dl class="sum" aria-label="Records in, and where they are">
        <div class="sum-total">
          <dt>in</dt>
          <dd>{formatCount(identity.recordsIn)}</dd>
        </div>
        {identity.terms.map((term, place) => (
          <div key={term.name} class={place === 0 ? 'sum-first' : undefined}>
            <dt>{term.name}</dt>
            <dd>{formatCount(term.count)}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
