import type { FastifyInstance } from 'fastify';
import type { Clock } from '../telemetry/clock.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Counts and times every request by route (never by path) and status. */
export function observeRequests(app: FastifyInstance, metrics: Metrics, clock: Clock): void {
  const labels = ['method', 'route', 'status'] as const;
  const total = metrics.counter('millrace_http_requests_total', 'HTTP requests answered', labels);
  const seconds = metrics.histogram(
    'millrace_http_request_seconds',
    'Time to answer an HTTP request',
    [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    ['route'],
  );
  const startedMs = new WeakMap<object, number>();
  app.addHook('onRequest', (request, _reply, done) => {
    startedMs.set(request, clock.nowMs());
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? '(none)';
    total.inc({ method: request.method, route, status: String(reply.statusCode) });
    seconds.observe({ route }, (clock.nowMs() - (startedMs.get(request) ?? clock.nowMs())) / 1_000);
    done();
  });
}
