import { defineConfig } from 'vitest/config';

/** How tests run, with a real Kafka (`tests/kafka/vitest.config.ts`) or without. */
export const running = {
  setupFiles: ['tests/setup.ts'],
  // A Kafka client is native and there is one to a process: forks, each file its own.
  pool: 'forks' as const,
  maxWorkers: 2,
  // Integration tests start brokers and engines; a pure test that needs a tenth of this is a fault all the same.
  testTimeout: 180_000,
  hookTimeout: 120_000,
  // As long as a machine takes that does ten other things; the default of 1 s is a race wherever a socket or a process is between.
  expect: { poll: { timeout: 60_000, interval: 20 } },
  teardownTimeout: 60_000,
};

/** Tests stand beside the code; `npm test` runs them all and counts (scripts/run-tests.mjs). */
export default defineConfig({
  test: {
    include: ['**/*.test.ts', '**/*.test.tsx'],
    // What needs a real Kafka: `npm run test:kafka`.
    exclude: ['**/node_modules/**', '**/dist/**', 'data/**', '**/*.kafka.test.ts'],
    ...running,
  },
});
