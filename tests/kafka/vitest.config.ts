import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { running } from '../../vitest.config.ts';

/** `npm run test:kafka`: the tests that need a real Apache Kafka, all on one broker that runs as long as they do. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['**/*.kafka.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'data/**'],
    globalSetup: ['tests/kafka/one-broker.ts'],
    ...running,
  },
});
