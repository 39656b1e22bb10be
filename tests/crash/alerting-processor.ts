// The numbered pipeline with an alert on every tumbling window of a card that has many payments; more of them only update it. In the end the
// alerts that are not retracted are those of `alertsOf`. Redelivery: duplicates are dropped before.
import type { Alert } from '../../events/decisions.ts';
import type { Payment } from '../../events/payment.ts';
import type { WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Processor } from '../../processors/processor.ts';
import { type AlertRow, type AlertTransition, windowAlerts } from '../../streams/window-alerts.ts';
import type { NumberedRow } from './numbered-oracle.ts';

/** A full window has some 250: 40 of the cards are active at once, and a payment comes every ms of event time. */
const manyPayments = 100;
const alertsMax = 100_000;
const output = 'tumbling';

export function alerting(base: Processor<Payment>, allowedLatenessMs: number): Processor<Payment> {
  return {
    ...base,
    stateShape: { base: base.stateShape, output, manyPayments },
    create(owns) {
      const numbered = base.create(owns);
      const alerts = windowAlerts<Payment>({
        ...{ topic: resultTopics.windows, output, allowedLatenessMs, alertsMax },
        isAlert: ({ values }) => Number(values['count']) >= manyPayments,
        tell: (row, transition) => ({
          ...{ topic: resultTopics.alerts, key: alertIdOf(row), identity: alertIdOf(row) },
          body: alertBody(row as AlertRow & WindowResult, transition),
        }),
      });
      return {
        operator: (batches) => batches.pipe(numbered.operator, alerts.operator),
        snapshot: () => ({ numbered: numbered.snapshot(), alerts: alerts.snapshot() }),
        restore(state) {
          const saved = state as Readonly<Record<'numbered' | 'alerts', unknown>>;
          numbered.restore(saved.numbered);
          alerts.restore(saved.alerts);
        },
        counters: () => ({ ...numbered.counters(), ...alerts.counters() }),
      };
    },
  };
}

/** The ids of the alerts that must be there in the end, by the rows that the oracle expects. */
export function alertsOf(rows: ReadonlyMap<string, NumberedRow>): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const [identity, { count }] of rows) {
    const [name, startMs, key = ''] = identity.split(' ');
    if (name === output && count >= manyPayments) ids.add(alertIdOf({ key, windowStartMs: Number(startMs) }));
  }
  return ids;
}

const alertIdOf = ({ key, windowStartMs }: Pick<AlertRow, 'key' | 'windowStartMs'>): string =>
  `${key}-${windowStartMs}`;

function alertBody(
  row: AlertRow & WindowResult,
  transition: AlertTransition,
): Omit<Alert, 'pipeline' | 'version' | 'revision' | 'producer'> {
  const { key, windowStartMs, windowEndMs, values, clockMs } = row;
  return {
    ...{ kind: 'alert', alertId: alertIdOf(row), transition, entityType: 'card', entityId: key, fingerprint: key },
    ...{ severity: 'high', title: `many payments of ${key}`, reasons: [`${Number(values['count'])} of them`] },
    hits: Number(values['count']),
    ...{ firstEventTimeMs: windowStartMs, lastEventTimeMs: windowEndMs - 1 },
    ...{ paymentId: null, decisionPaymentIds: [], clockMs },
  };
}
