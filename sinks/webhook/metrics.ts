// What the webhook service counts. Labels are the endpoints of the configuration and kinds, never keys. Asking again gives the same.
import type { Counter, Gauge, Histogram } from 'prom-client';
import type { Metrics } from '../../telemetry/metrics.ts';

export interface WebhookMetrics {
  readonly attempts: Counter;
  readonly attemptSeconds: Histogram;
  readonly delaySeconds: Histogram;
  readonly pending: Gauge;
  readonly dead: Gauge;
  readonly deadForgotten: Gauge;
  readonly disabled: Gauge;
  readonly unrecorded: Gauge;
  readonly redelivered: Counter;
}

const secondsBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 600];

export const webhookMetrics = (metrics: Metrics): WebhookMetrics => ({
  attempts: metrics.counter('millrace_webhook_attempts_total', 'Records of deliveries, by outcome', [
    'endpoint',
    'outcome',
  ]),
  attemptSeconds: metrics.histogram('millrace_webhook_attempt_seconds', 'Time of one attempt', secondsBuckets, [
    'endpoint',
  ]),
  delaySeconds: metrics.histogram(
    'millrace_webhook_delay_seconds',
    'From the decision of a transition to its delivery',
    secondsBuckets,
    ['endpoint'],
  ),
  pending: metrics.gauge('millrace_webhook_pending_deliveries', 'Transitions not delivered yet', ['endpoint']),
  dead: metrics.gauge('millrace_webhook_dead_deliveries', 'Transitions given up, to be sent again by hand', [
    'endpoint',
  ]),
  deadForgotten: metrics.gauge('millrace_webhook_dead_forgotten_deliveries', 'Dead ones beyond the bound', [
    'endpoint',
  ]),
  disabled: metrics.gauge('millrace_webhook_disabled', '1 after the endpoint answered 410, until enabled', [
    'endpoint',
  ]),
  unrecorded: metrics.gauge('millrace_webhook_unrecorded_attempts', 'Records on their way to millrace.deliveries'),
  redelivered: metrics.counter('millrace_webhook_redelivered_total', 'Transitions that were read before, dropped'),
});
