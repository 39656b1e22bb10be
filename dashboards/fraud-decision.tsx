import { useEffect, useState } from 'preact/hooks';
import type { Decision } from '../events/decisions.ts';
import { ask } from './ask.ts';
import { formatClock } from './format.ts';
import { AlertsOfCard } from './fraud-decision-alerts.tsx';
import { FeaturesCard } from './fraud-features.tsx';
import { OrderCard, OutcomeCard, PaymentCard, RulesCard } from './fraud-decision-cards.tsx';
import { Empty } from './parts.tsx';
import { hashOf } from './route.ts';

type View =
  | { readonly kind: 'asking' }
  | { readonly kind: 'known'; readonly decision: Decision }
  | { readonly kind: 'sources'; readonly sources: readonly string[] }
  | { readonly kind: 'failed'; readonly message: string };

/** A decision is on its topic before it is stored: an alert may be faster than the row. */
const retry = { everyMs: 700, timesMax: 8 } as const;

/** Why a payment was decided as it was. Asked for once, when the page is opened. */
export function DecisionPage({ paymentId, source }: { readonly paymentId: string; readonly source: string | null }) {
  const [view, setView] = useState<View>({ kind: 'asking' });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isLeft = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = async (times: number): Promise<void> => {
      const next = await viewOf(paymentId, source);
      if (isLeft) return;
      if (next === 'missing' && times < retry.timesMax) timer = setTimeout(() => void look(times + 1), retry.everyMs);
      else setView(next === 'missing' ? { kind: 'failed', message: missing(paymentId) } : next);
    };
    setView({ kind: 'asking' });
    void look(0);
    return () => {
      isLeft = true;
      clearTimeout(timer);
    };
  }, [paymentId, source, attempt]);
  return (
    <>
      <div class="page-head">
        <div>
          <p>
            <a href="#/fraud">‹ Fraud</a>
          </p>
          <h1>
            Decision on <span class="mono-title">{paymentId}</span>
          </h1>
        </div>
        {view.kind === 'known' ? <p>decided at {formatClock(view.decision.clockMs)} by the logged clock</p> : null}
      </div>
      <Content view={view} paymentId={paymentId} again={() => setAttempt(attempt + 1)} />
    </>
  );
}

function Content({
  view,
  paymentId,
  again,
}: {
  readonly view: View;
  readonly paymentId: string;
  readonly again: () => void;
}) {
  switch (view.kind) {
    case 'asking':
      return <Empty title="Asking for the decision …" />;
    case 'failed':
      return (
        <Empty title={view.message}>
          <p>
            <button type="button" class="button" onClick={again}>
              Ask again
            </button>
          </p>
        </Empty>
      );
    case 'sources':
      return (
        <Empty title="Several sources have a payment of this id">
          <ul>
            {view.sources.map((source) => (
              <li key={source}>
                <a href={hashOf('fraud', ['decisions', paymentId], { source })}>{source}</a>
              </li>
            ))}
          </ul>
        </Empty>
      );
    case 'known':
      return (
        <div class="grid">
          <OutcomeCard decision={view.decision} />
          <RulesCard decision={view.decision} />
          <PaymentCard decision={view.decision} />
          <AlertsOfCard decision={view.decision} />
          <FeaturesCard decision={view.decision} />
          <OrderCard decision={view.decision} />
        </div>
      );
  }
}

const missing = (paymentId: string): string => `No decision on a payment ${paymentId} is stored`;

async function viewOf(paymentId: string, source: string | null): Promise<View | 'missing'> {
  const asked = source === null ? '' : `?source=${encodeURIComponent(source)}`;
  const answer = await ask(`v1/decisions/${encodeURIComponent(paymentId)}${asked}`);
  if (answer.kind === 'ok') return { kind: 'known', decision: answer.body as Decision };
  if (answer.status === 404) return 'missing';
  const { sources } = (answer.body ?? {}) as { readonly sources?: readonly string[] };
  return answer.status === 409 && Array.isArray(sources)
    ? { kind: 'sources', sources: sources as readonly string[] }
    : { kind: 'failed', message: answer.message };
}
