import type { DeliveryAttempt } from '../events/decisions.ts';
import { formatClock, formatCount } from './format.ts';
import { Badge, Card, Empty, Time, type Tone } from './parts.tsx';

/** How many of the newest attempts of an endpoint are listed. */
const linesMax = 8;

const tones: Readonly<Record<DeliveryAttempt['outcome'], Tone>> = {
  ...{ delivered: 'good', failed: 'warn', dead: 'bad', disabled: 'bad', replaced: 'plain' },
};

/** The newest attempts to deliver webhooks, by endpoint. Everything from outside is shown as text. */
export function DeliveriesCard({ deliveries }: { readonly deliveries: readonly DeliveryAttempt[] | null }) {
  const newest = (deliveries ?? []).toSorted((a, b) => b.atMs - a.atMs || b.attempt - a.attempt);
  const endpoints = [...new Set(newest.map(({ endpoint }) => endpoint))].toSorted();
  const delivered = newest.filter(({ outcome }) => outcome === 'delivered').length;
  return (
    <Card
      id="deliveries"
      title="Webhooks"
      span="span-12"
      aside={
        <span class="soft number">{`${formatCount(delivered)} of the newest ${formatCount(newest.length)} delivered`}</span>
      }
    >
      {endpoints.length === 0 ? (
        <Empty title={deliveries === null ? 'Waiting for attempts' : 'No webhook was sent so far'}>
          <code>npx millrace webhook listen</code> receives them on this machine.
        </Empty>
      ) : (
        <div class="table-wrap">
          <table>
            <thead>
              <tr>
                <th scope="col">Endpoint</th>
                <th scope="col">At</th>
                <th scope="col">Outcome</th>
                <th scope="col">Transition</th>
                <th scope="col" class="end">
                  attempt
                </th>
                <th scope="col">Answer</th>
              </tr>
            </thead>
            <tbody>
              {endpoints.flatMap((endpoint) =>
                newest
                  .filter((attempt) => attempt.endpoint === endpoint)
                  .slice(0, linesMax)
                  .map((attempt) => (
                    <AttemptLine key={`${endpoint} ${attempt.webhookId} ${attempt.attempt}`} attempt={attempt} />
                  )),
              )}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function AttemptLine({ attempt }: { readonly attempt: DeliveryAttempt }) {
  const { endpoint, atMs, outcome, transition, alertId, attempt: number, status, detail, nextAtMs } = attempt;
  const answer = [
    detail || (status === null ? '' : `HTTP ${status}`),
    nextAtMs === null ? '' : `again at ${formatClock(nextAtMs)}`,
  ];
  return (
    <tr data-delivery={outcome}>
      <th scope="row">{endpoint}</th>
      <td class="number">
        <Time atMs={atMs} text={formatClock(atMs)} />
      </td>
      <td>
        <Badge tone={tones[outcome] ?? 'plain'}>{outcome}</Badge>
      </td>
      <td>
        {transition} <span class="soft mono">{alertId.slice(0, 8)}</span>
      </td>
      <td class="number end">{number}</td>
      <td class="wrap soft">{answer.filter(Boolean).join(', ')}</td>
    </tr>
  );
}
