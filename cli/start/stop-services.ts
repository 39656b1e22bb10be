import type { Supervised } from './supervisor.ts';

/**
 * Drains the services of a process. The HTTP server first, so that nothing more comes in, and who waits for a decision has it; then
 * the others, side by side: a broker keeps what one makes and another has not read. One of our own (`isFreshBroker`) forgets it with
 * this process, so there they stop one after the other in their order: inputs, tasks, sinks.
 */
export async function stopServices(services: readonly Supervised[], isFreshBroker: boolean): Promise<void> {
  if (isFreshBroker) {
    for (const service of services) await service.stop();
    return;
  }
  for (const http of services.filter(({ name }) => name === 'http')) await http.stop();
  await Promise.all(services.filter(({ name }) => name !== 'http').map((service) => service.stop()));
}
