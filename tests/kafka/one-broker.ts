import type { TestProject } from 'vitest/node';
import { startKafka } from './broker.ts';
import { brokerJars } from './jars.ts';

/** The broker of `npm run test:kafka`, as its tests are handed it: `inject('kafka')`. */
export interface GivenKafka {
  readonly plain: string;
  readonly sasl: string;
  readonly tls: string;
  readonly saslTls: string;
  readonly caFile: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** Null where there is none: guard the suite with `requireRealKafka()`. */
    kafka: GivenKafka | null;
  }
}

/** Who may log in by SASL; what they may do is up to ACLs. */
export const users = {
  /** May do nothing unless a test says so. */
  alice: { username: 'alice', password: 'alice-secret' },
} as const;

/** Starts it before the first test file and ends it after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (brokerJars().kind === 'missing') {
    project.provide('kafka', null);
    return async () => {};
  }
  const kafka = await startKafka({ sasl: Object.values(users), tls: true, acls: true });
  const { brokers, saslBrokers, tlsBrokers, saslTlsBrokers, caFile } = kafka;
  const given = { plain: brokers, sasl: saslBrokers, tls: tlsBrokers, saslTls: saslTlsBrokers, caFile: caFile ?? '' };
  project.provide('kafka', given);
  return () => kafka.stop();
}
