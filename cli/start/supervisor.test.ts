import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';
import { supervise } from './supervisor.ts';

const instantClock = { nowMs: () => 0, sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };
const parts = () => ({ clock: instantClock, logger: silentLogger, metrics: createMetrics() });

function fakeService(startFails: boolean): Service & { fail(): void; readonly drained: () => boolean } {
  let status: ServiceStatus = { state: 'starting' };
  let isDrained = false;
  return {
    start: async () => {
      if (startFails) throw new Error('cannot start');
      status = { state: 'running' };
    },
    drain: async () => {
      isDrained = true;
      status = { state: 'stopped' };
    },
    status: () => status,
    fail: () => (status = { state: 'failed', detail: 'broken' }),
    drained: () => isDrained,
  };
}

describe('supervise', () => {
  it('starts again a service that fails to start, and drains the failed one', async () => {
    const made: ReturnType<typeof fakeService>[] = [];
    const supervised = supervise(
      'x',
      async () => (made.push(fakeService(made.length < 2)), made.at(-1) ?? fakeService(true)),
      parts(),
    );
    await expect.poll(() => supervised.status().state).toBe('running');
    expect(made).toHaveLength(3);
    expect(supervised.restarts()).toBe(2);
    expect(made[0]?.drained()).toBe(true);
    await supervised.stop();
  });

  it('builds a service anew after it fails while running', async () => {
    const made: ReturnType<typeof fakeService>[] = [];
    const supervised = supervise(
      'x',
      async () => (made.push(fakeService(false)), made.at(-1) ?? fakeService(true)),
      parts(),
    );
    await expect.poll(() => supervised.status().state).toBe('running');
    made[0]?.fail();
    await expect.poll(() => made).toHaveLength(2);
    await supervised.stop();
    expect(made[1]?.drained()).toBe(true);
    expect(supervised.status().state).toBe('stopped');
  });

  it('does not wait for one that is still being built; what was built then is drained and never started', async () => {
    const service = fakeService(true);
    let built: (service: Service) => void = () => {};
    const supervised = supervise('x', () => new Promise<Service>((resolve) => (built = resolve)), parts());
    await supervised.stop();
    expect(service.drained()).toBe(false);
    built(service);
    await expect.poll(() => service.drained()).toBe(true);
    expect(supervised.restarts()).toBe(0);
  });

  it('calls a service that reads nothing not alive, until the one built in its place reads again', async () => {
    const status: ServiceStatus[] = [{ state: 'running' }, { state: 'running' }];
    let built = -1;
    const supervised = supervise(
      'x',
      async () => {
        const mine = ++built;
        return { start: async () => {}, drain: async () => {}, status: () => status[mine] ?? { state: 'running' } };
      },
      parts(),
    );
    await expect.poll(() => built).toBe(0);
    expect(supervised.isAlive()).toBe(true);
    status[0] = { state: 'failed', isStalled: true };
    await expect.poll(() => built).toBe(1);
    expect(supervised.isAlive()).toBe(false);
    status[1] = { state: 'running', isStalled: false };
    await expect.poll(() => supervised.isAlive()).toBe(true);
    await supervised.stop();
  });
});
