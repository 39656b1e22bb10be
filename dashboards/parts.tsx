import type { ComponentChildren } from 'preact';
import type { ResultState } from '../events/results.ts';

/** How a badge looks: what it means is always in its text too. */
export type Tone = 'good' | 'warn' | 'bad' | 'note' | 'open' | 'plain';

/** A small label with a dot. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={tone === 'plain' ? 'badge' : `badge is-${tone}`}>{children}</span>;
}

const stateTones: Record<ResultState, Tone> = {
  provisional: 'open',
  final: 'good',
  corrected: 'note',
  tombstone: 'plain',
};

/** provisional, final or corrected. */
export function StateBadge({ state }: { readonly state: ResultState }) {
  return <Badge tone={stateTones[state]}>{state}</Badge>;
}

interface CardProps {
  readonly title: string;
  /** For the heading's id: unique on the page. */
  readonly id: string;
  readonly span: 'span-3' | 'span-4' | 'span-5' | 'span-7' | 'span-8' | 'span-12';
  readonly isKpi?: boolean;
  /** Beside the title. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A titled region of a page. */
export function Card({ title, id, span, isKpi = false, aside, children }: CardProps) {
  return (
    <section class={`card ${span}${isKpi ? ' kpi' : ''}`} aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** What stands where there is nothing yet, and what to expect. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  );
}

/** A time of the day with the whole instant behind it. */
export function Time({ atMs, text }: { readonly atMs: number; readonly text: string }) {
  const iso = new Date(atMs).toISOString();
  return (
    <time dateTime={iso} title={iso}>
      {text}
    </time>
  );
}
