import { useEffect, useState } from 'preact/hooks';
import type { Alert, Decision } from '../events/decisions.ts';
import { isNewer } from '../live/messages.ts';
import { AlertLine, newestFirst } from './alert-line.tsx';
import { ask } from './ask.ts';
import { alerts } from './model.ts';
import { Card, Empty } from './parts.tsx';

/** The alerts that stand on this payment: the stored ones, as they have been pushed since. */
export function AlertsOfCard({ decision: { paymentId, cardId } }: { readonly decision: Decision }) {
  const [stored, setStored] = useState<readonly Alert[] | null>(null);
  useEffect(() => {
    let isLeft = false;
    void ask(`v1/alerts?payment=${encodeURIComponent(paymentId)}`).then((answer) => {
      if (!isLeft) setStored(answer.kind === 'ok' ? (answer.body as { readonly alerts: readonly Alert[] }).alerts : []);
    });
    return () => {
      isLeft = true;
    };
  }, [paymentId]);
  const pushed = (alerts.value ?? []).map(({ row }) => row);
  const own = newestFirst(
    [...newestOfEach(stored ?? [], pushed, paymentId).values()].filter(({ entityId }) => entityId === cardId),
  );
  return (
    <Card id="alerts-of" title="Alerts" span="span-7">
      {own.length === 0 ? (
        <Empty title={stored === null ? 'Asking for alerts …' : 'No alert stands on this payment'} />
      ) : (
        <ol class="rows" aria-label="Alerts of this payment">
          {own.map((alert) => (
            <AlertLine key={alert.alertId} alert={alert} isLinked={alert.paymentId !== paymentId} />
          ))}
        </ol>
      )}
    </Card>
  );
}

/** Alerts that once named the payment, as the server knows, each as it stands now: later transitions may name only newer payments. */
function newestOfEach(
  stored: readonly Alert[],
  pushed: readonly Alert[],
  paymentId: string,
): ReadonlyMap<string, Alert> {
  const naming = pushed.filter(({ decisionPaymentIds }) => decisionPaymentIds.includes(paymentId));
  const named = new Set([...stored, ...naming].map(({ alertId }) => alertId));
  const newest = new Map<string, Alert>();
  for (const alert of [...stored, ...pushed]) {
    const known = newest.get(alert.alertId);
    if (named.has(alert.alertId) && (!known || isNewer(alert.revision, known.revision)))
      newest.set(alert.alertId, alert);
  }
  return newest;
}
