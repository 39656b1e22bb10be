import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, inject, test } from 'vitest';
import { describeUnless, requireRealKafka } from '../requirements.ts';

describeUnless([requireRealKafka()], 'the real broker of the tests', () => {
  test('runs, with a listener of each kind and a CA of its own', () => {
    const kafka = inject('kafka');
    const addresses = [kafka?.plain, kafka?.sasl, kafka?.tls, kafka?.saslTls];
    expect(new Set(addresses).size).toBe(4);
    for (const address of addresses) expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(existsSync(kafka?.caFile ?? '')).toBe(true);
    expect(dirname(kafka?.caFile ?? '')).toMatch(/millrace-kafka-/);
  });
});
