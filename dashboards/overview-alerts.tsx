import type { Alert } from '../events/decisions.ts';
import type { LiveRow } from '../live/messages.ts';
import { AlertLine, isOpen, newestFirst } from './alert-line.tsx';
import { formatCount } from './format.ts';
import { Card, Empty } from './parts.tsx';

/** How many of the newest are listed. */
const linesMax = 4;

/** Alerts as they stand now, the newest first; a link leads to the decision behind each. */
export function AlertsCard({ alerts }: { readonly alerts: readonly LiveRow<Alert>[] | null }) {
  const newest = newestFirst((alerts ?? []).map(({ row }) => row));
  const open = newest.filter(isOpen).length;
  return (
    <Card
      id="alerts"
      title="Alerts"
      span="span-7"
      aside={alerts === null ? null : <span class="soft number">{formatCount(open)} open</span>}
    >
      {newest.length === 0 ? (
        <Empty title={alerts === null ? 'Waiting for alerts' : 'No alert so far'} />
      ) : (
        <>
          <ol class="rows" aria-label="Newest alerts">
            {newest.slice(0, linesMax).map((alert) => (
              <AlertLine key={alert.alertId} alert={alert} />
            ))}
          </ol>
          {newest.length > linesMax ? (
            <p class="soft foot">
              <a href="#/fraud">all alerts</a>
            </p>
          ) : null}
        </>
      )}
    </Card>
  );
}
