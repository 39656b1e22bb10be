import { expect, it } from 'vitest';
import { stopServices } from './stop-services.ts';
import type { Supervised } from './supervisor.ts';

const names = ['http', 'websocket', 'revenue', 'clickhouse'];

/** Services that are stopped a turn after they were told, and what was said when. */
function given() {
  const said: string[] = [];
  const services = names.map((name) => ({
    name,
    async stop() {
      said.push(`stop ${name}`);
      await new Promise((resolve) => setImmediate(resolve));
      said.push(`${name} stopped`);
    },
  })) as unknown as Supervised[];
  return { said, services };
}

it('stops one after the other where the broker forgets', async () => {
  const { said, services } = given();
  await stopServices(services, true);
  expect(said).toEqual(names.flatMap((name) => [`stop ${name}`, `${name} stopped`]));
});

it('stops HTTP first, then all others side by side, where the broker keeps what they make', async () => {
  const { said, services } = given();
  await stopServices(services, false);
  const others = names.slice(1);
  expect(said.slice(0, 5)).toEqual(['stop http', 'http stopped', ...others.map((name) => `stop ${name}`)]);
  expect(said).toHaveLength(8);
});
