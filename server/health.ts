import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../telemetry/metrics.ts';

/** One thing that must be well before work is sent here. */
export interface ReadyCheck {
  readonly name: string;
  readonly isReady: boolean;
  /** For a person: why not. */
  readonly detail?: string;
}

export interface HealthParts {
  readonly readiness: () => readonly ReadyCheck[];
  /** Names of services that are alive but read nothing. */
  readonly stalled: () => readonly string[];
  readonly metrics: Metrics;
}

/** `/livez` (the process answers, and nothing in it is alive but reads nothing), `/readyz` (503 with reasons until all checks pass), `/metrics` (Prometheus text). */
export function healthRoutes(app: FastifyInstance, { readiness, stalled, metrics }: HealthParts): void {
  app.get(
    '/livez',
    { schema: { tags: ['health'], summary: 'The process answers; 503 while a service is alive but reads nothing' } },
    (_request, reply) => {
      const reading = stalled();
      return reply.code(reading.length === 0 ? 200 : 503).send({ alive: reading.length === 0, stalled: reading });
    },
  );
  app.get(
    '/readyz',
    {
      schema: {
        tags: ['health'],
        summary: 'Tasks fold, sinks are reachable, nothing is parked; 503 with reasons until then',
      },
    },
    (_request, reply) => {
      const checks = readiness();
      const reasons = checks
        .filter(({ isReady }) => !isReady)
        .map(({ name, detail }) => `${name}: ${detail ?? 'not ready'}`);
      const isReady = reasons.length === 0;
      return reply.code(isReady ? 200 : 503).send({ ready: isReady, reasons, checks });
    },
  );
  app.get(
    '/metrics',
    { schema: { tags: ['health'], summary: 'Prometheus text exposition format 0.0.4' } },
    async (_request, reply) => {
      void reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      return reply.send(await metrics.text());
    },
  );
}
