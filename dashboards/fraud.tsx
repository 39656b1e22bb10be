import { signal } from '@preact/signals';
import { AlertLine, isOpen, newestFirst } from './alert-line.tsx';
import { formatClock, formatCount, formatMoney } from './format.ts';
import { DecisionPage } from './fraud-decision.tsx';
import { alerts, decisions } from './model.ts';
import { OutcomesCard, outcomeTones } from './outcomes.tsx';
import { Badge, Card, Empty, Time } from './parts.tsx';
import { hashOf, place } from './route.ts';

/** What is suspected, and why: the alerts, or one decision with its cause (`#/fraud/decisions/<payment>`). */
export function FraudPage() {
  const { rest, query } = place.value;
  const [part, paymentId] = rest;
  if (part === 'decisions' && paymentId !== undefined)
    return (
      <DecisionPage key={`${paymentId} ${query.get('source')}`} paymentId={paymentId} source={query.get('source')} />
    );
  return (
    <>
      <div class="page-head">
        <h1>Fraud</h1>
        <p>Every payment is decided by rules over rolling features; what looks wrong raises an alert</p>
      </div>
      <div class="grid">
        <AlertListCard />
        <OutcomesCard counts={decisions.value.counts} span="span-5" />
        <NewestCard />
      </div>
    </>
  );
}

const alertFilters = ['all', 'open', 'retracted', 'resolved'] as const;
const chosenAlerts = signal<(typeof alertFilters)[number]>('all');
/** Lines of the list: what is beyond is asked for by SQL. */
const linesMax = 50;

function AlertListCard() {
  const all = alerts.value === null ? null : newestFirst(alerts.value.map(({ row }) => row));
  const shown = (all ?? []).filter(
    (alert) =>
      chosenAlerts.value === 'all' ||
      (chosenAlerts.value === 'open' ? isOpen(alert) : alert.transition === chosenAlerts.value),
  );
  return (
    <Card id="alert-list" title="Alerts" span="span-7" aside={<AlertChoice />}>
      {shown.length === 0 ? (
        <Empty title={emptyTitle(all === null, all?.length ?? 0)} />
      ) : (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls, by keyboard too
        <ol class="rows is-scrolled" aria-label="Alerts, the newest first" tabIndex={0}>
          {shown.slice(0, linesMax).map((alert) => (
            <AlertLine key={alert.alertId} alert={alert} />
          ))}
        </ol>
      )}
      {shown.length > linesMax ? (
        <p class="soft foot">
          {formatCount(shown.length - linesMax)} more: <a href="#/sql">ask by SQL</a>
        </p>
      ) : null}
    </Card>
  );
}

function emptyTitle(isWaiting: boolean, count: number): string {
  if (isWaiting) return 'Waiting for alerts';
  return count === 0 ? 'No alert so far' : `No alert is ${chosenAlerts.value}`;
}

function AlertChoice() {
  return (
    <div class="choices" role="group" aria-label="Alerts to show">
      {alertFilters.map((filter) => (
        <button
          key={filter}
          type="button"
          aria-pressed={filter === chosenAlerts.value}
          onClick={() => (chosenAlerts.value = filter)}
        >
          {filter}
        </button>
      ))}
    </div>
  );
}

function NewestCard() {
  const { lines } = decisions.value;
  return (
    <Card
      id="newest"
      title="Newest decisions"
      span="span-12"
      aside={<span class="soft">at most ten a second are shown, those not approved first</span>}
    >
      {lines.length === 0 ? (
        <Empty title="Waiting for decisions" />
      ) : (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls sideways on a phone, by keyboard too
        <div class="table-wrap" tabIndex={0} role="group" aria-label="Newest decisions">
          <table>
            <thead>
              <tr>
                <th scope="col">Decided</th>
                <th scope="col">Payment</th>
                <th scope="col">Outcome</th>
                <th scope="col" class="end">
                  Score
                </th>
                <th scope="col" class="end">
                  Amount
                </th>
                <th scope="col">Card</th>
                <th scope="col">Reasons</th>
              </tr>
            </thead>
            <tbody>
              {lines.slice(0, 25).map((line) => (
                <tr key={`${line.paymentSource} ${line.paymentId}`}>
                  <td class="number">
                    <Time atMs={line.clockMs} text={formatClock(line.clockMs)} />
                  </td>
                  <td class="mono">
                    <a href={hashOf('fraud', ['decisions', line.paymentId], { source: line.paymentSource })}>
                      {line.paymentId}
                    </a>
                  </td>
                  <td>
                    <Badge tone={outcomeTones[line.outcome]}>{line.outcome}</Badge>
                  </td>
                  <td class="number end">{line.score}</td>
                  <td class="number end">{formatMoney(line.amountMinor, line.currency)}</td>
                  <td class="mono">{line.cardId}</td>
                  <td class="wrap is-wide">{line.hits.map(({ reason }) => reason).join('; ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
