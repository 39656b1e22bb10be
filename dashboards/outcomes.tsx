import type { Outcome } from '../events/decisions.ts';
import type { DecisionCounts } from '../live/messages.ts';
import { formatCount, formatMinute, formatShare } from './format.ts';
import { Card, Empty, type Tone } from './parts.tsx';

export const outcomeTones: Record<Outcome, Tone> = { approve: 'good', review: 'warn', decline: 'bad' };
const names: Record<Outcome, string> = { approve: 'Approved', review: 'To review', decline: 'Declined' };
const order = ['approve', 'review', 'decline'] as const;

/** Decisions by outcome: how many, which part of all, and those not approved minute by minute. */
export function OutcomesCard(props: { readonly counts: DecisionCounts | null; readonly span: 'span-5' | 'span-12' }) {
  const { counts, span } = props;
  const all = counts ? order.reduce((sum, outcome) => sum + counts.total[outcome], 0) : 0;
  return (
    <Card
      id="outcomes"
      title="Decisions by outcome"
      span={span}
      aside={counts ? <span class="soft number">{formatCount(all)} since the server started</span> : null}
    >
      {counts === null || all === 0 ? (
        <Empty title={counts === null ? 'Waiting for decisions' : 'No payment decided so far'} />
      ) : (
        <>
          <dl class="tallies is-three">
            {order.map((outcome) => (
              <div key={outcome} class={`is-${outcome}`}>
                <dt>{names[outcome]}</dt>
                <dd data-outcome={outcome}>
                  {formatCount(counts.total[outcome])}
                  <small>{formatShare(counts.total[outcome] / all)}</small>
                </dd>
              </div>
            ))}
          </dl>
          <MinuteBars minutes={counts.minutes} />
        </>
      )}
    </Card>
  );
}

/** In units of the drawing. */
const drawing = { width: 360, height: 64, slots: 60 } as const;

/** Reviewed and declined payments of each of the last minutes, one on the other. */
function MinuteBars({ minutes }: { readonly minutes: DecisionCounts['minutes'] }) {
  const newestMs = minutes.at(-1)?.startMs ?? 0;
  const most = Math.max(1, ...minutes.map(({ review, decline }) => review + decline));
  const step = drawing.width / drawing.slots;
  const heightOf = (count: number): number => (count / most) * (drawing.height - 2);
  const sum = minutes.reduce((total, { review, decline }) => total + review + decline, 0);
  return (
    <figure class="minute-bars">
      <svg
        role="img"
        aria-label={`Payments reviewed or declined by minute: ${sum} in the last ${minutes.length} min, at most ${most} in one`}
        viewBox={`0 0 ${drawing.width} ${drawing.height}`}
        preserveAspectRatio="none"
      >
        {minutes.map(({ startMs, review, decline }) => {
          const slot = drawing.slots - 1 - (newestMs - startMs) / 60_000;
          if (slot < 0) return null;
          const x = slot * step;
          const [low, high] = [heightOf(decline), heightOf(review)];
          return (
            <g key={startMs}>
              <title>{`${formatMinute(startMs)}: ${decline} declined, ${review} to review`}</title>
              <rect class="bar-decline" x={x} y={drawing.height - low} width={step - 1} height={low} />
              <rect class="bar-review" x={x} y={drawing.height - low - high} width={step - 1} height={high} />
            </g>
          );
        })}
      </svg>
      <figcaption class="soft split">
        <span>declined and reviewed, last hour</span>
        <span class="number">at most {formatCount(most)} a minute</span>
      </figcaption>
    </figure>
  );
}
