import type { Alert } from '../events/decisions.ts';
import { formatClock } from './format.ts';
import { Badge, Time, type Tone } from './parts.tsx';
import { hashOf } from './route.ts';

const tones: Record<Alert['severity'], Tone> = { high: 'bad', medium: 'warn', low: 'note' };

/** Raised or updated: somebody should look. */
export const isOpen = ({ transition }: Alert): boolean => transition === 'raised' || transition === 'updated';

/** Alerts, the newest first. */
export const newestFirst = (alerts: readonly Alert[]): readonly Alert[] =>
  alerts.toSorted((a, b) => b.clockMs - a.clockMs || (a.alertId < b.alertId ? -1 : 1));

/** One alert as it stands, with a way to the decision behind it. Everything from outside is shown as text. */
export function AlertLine({ alert, isLinked = true }: { readonly alert: Alert; readonly isLinked?: boolean }) {
  const { severity, transition, title, paymentId, clockMs } = alert;
  return (
    <li data-alert={alert.entityId} data-transition={transition}>
      <div class="line">
        <span>
          {isOpen(alert) ? <Badge tone={tones[severity]}>{severity}</Badge> : null}{' '}
          <Badge tone="plain">{transition}</Badge>{' '}
          <b class={transition === 'retracted' ? 'soft struck' : undefined}>{title}</b>
        </span>
        <span class="soft number">
          <Time atMs={clockMs} text={formatClock(clockMs)} />
        </span>
      </div>
      <p class="wrap">{reasonOf(alert)}</p>
      {isLinked && paymentId !== null ? (
        <p class="soft wrap">
          <a href={hashOf('fraud', ['decisions', paymentId])}>why: decision on {paymentId}</a>
        </p>
      ) : null}
    </li>
  );
}

function reasonOf({ transition, reasons, entityType }: Alert): string {
  if (transition === 'retracted')
    return entityType === 'metric'
      ? 'Retracted: late records made its minutes normal.'
      : 'Retracted: its payments turned out to be honest.';
  return reasons.length === 0 ? 'No rule gave a reason.' : reasons.join('; ');
}
