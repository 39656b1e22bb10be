import type { ReadyCheck } from '../../server/health.ts';
import type { Supervised } from './supervisor.ts';

/** One check a service: it runs, and none of its tasks is parked. And one for what they all wait for at the start. */
export function readyChecks(services: readonly Supervised[], isPrepared: boolean): readonly ReadyCheck[] {
  const prepared: ReadyCheck = isPrepared
    ? { name: 'start', isReady: true }
    : { name: 'start', isReady: false, detail: 'waits for the broker, or for ClickHouse and its tables' };
  const checks = services.map(({ name, status }) => {
    const { state, detail } = status();
    return { name, isReady: state === 'running', ...(state !== 'running' && { detail: detail ?? state }) };
  });
  return [prepared, ...checks];
}
