import type { Alert } from '../events/decisions.ts';
import type { LiveRow } from '../live/messages.ts';
import { formatClock, formatCount } from './format.ts';
import { Badge, Card, Empty, Time, type Tone } from './parts.tsx';

/** How many of the newest are listed. */
const linesMax = 6;

const tones: Record<Alert['severity'], Tone> = { high: 'bad', medium: 'warn', low: 'note' };

/** Alerts as they stand now, the newest first; a link leads to the decision behind each. Everything from outside is shown as text. */
export function AlertsCard({ alerts }: { readonly alerts: readonly LiveRow<Alert>[] | null }) {
  const newest = (alerts ?? [])
    .map(({ row }) => row)
    .toSorted((a, b) => b.clockMs - a.clockMs || (a.alertId < b.alertId ? -1 : 1));
  const open = newest.filter(isOpen).length;
  return (
    <Card
      id="alerts"
      title="Alerts"
      span="span-12"
      aside={alerts === null ? null : <span class="soft number">{formatCount(open)} open</span>}
    >
      {newest.length === 0 ? (
        <Empty title={alerts === null ? 'Waiting for alerts' : 'No alert so far'} />
      ) : (
        <ol class="rows" aria-label="Newest alerts">
          {newest.slice(0, linesMax).map((alert) => (
            <AlertLine key={alert.alertId} alert={alert} />
          ))}
        </ol>
      )}
    </Card>
  );
}

const isOpen = ({ transition }: Alert): boolean => transition === 'raised' || transition === 'updated';

const retractedText = ({ entityType }: Alert): string =>
  entityType === 'metric'
    ? 'Retracted: late records made its minutes normal.'
    : 'Retracted: its payments turned out to be honest.';

function AlertLine({ alert }: { readonly alert: Alert }) {
  const { severity, transition, title, reasons, paymentId, clockMs } = alert;
  return (
    <li data-alert={alert.entityId} data-transition={transition}>
      <div class="line">
        <span>
          <Badge tone={isOpen(alert) ? tones[severity] : 'plain'}>{isOpen(alert) ? severity : transition}</Badge>{' '}
          <b class={transition === 'retracted' ? 'soft' : undefined}>{title}</b>
        </span>
        <span class="soft number">
          <Time atMs={clockMs} text={formatClock(clockMs)} />
        </span>
      </div>
      <p class="wrap">{transition === 'retracted' ? retractedText(alert) : reasons.join('; ')}</p>
      {paymentId === null ? null : (
        <p class="soft mono">
          <a href={`v1/decisions/${encodeURIComponent(paymentId)}`}>why: decision on {paymentId}</a>
        </p>
      )}
    </li>
  );
}
