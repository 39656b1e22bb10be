import type { ReadyCheck } from '../../server/health.ts';
import type { Supervised } from './supervisor.ts';

/** One check a service: it runs, and none of its tasks is parked. */
export function readyChecks(services: readonly Supervised[]): readonly ReadyCheck[] {
  return services.map(({ name, status }) => {
    const { state, detail } = status();
    return { name, isReady: state === 'running', ...(state !== 'running' && { detail: detail ?? state }) };
  });
}
