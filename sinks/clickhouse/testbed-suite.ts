import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClickHouseClient } from '@clickhouse/client';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse.ts';
import type { WindowResult } from '../../events/results.ts';
import { revisionOf } from '../../events/results.ts';
import type { Membership, MembershipHandlers, NextOffset } from '../../kafka/contract.ts';
import { topicPartitionName, type TopicPartition } from '../../sources/source.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { eventually as eventuallyWithin } from '../../tests/eventually.ts';
import { connectClickHouse } from './connection.ts';

/**
 * What the tests of this folder and of the archive share: a ClickHouse of their own, a membership without a broker, results.
 */
export interface TestClickHouse {
  readonly server: EmbeddedClickHouse;
  readonly client: ClickHouseClient;
  /** Rows as arrays; 64-bit integers as text. */
  rows<T extends readonly unknown[]>(query: string): Promise<T[]>;
  stop(): Promise<void>;
}

/** An embedded ClickHouse in an empty folder, which `stop` removes. */
export async function startTestClickHouse(): Promise<TestClickHouse> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-clickhouse-'));
  const server = await startEmbeddedClickHouse({ dataDir, port: 0, logger: silentLogger, clock: systemClock });
  const client = connectClickHouse({ url: server.url });
  return {
    server,
    client,
    rows: async (query) => (await client.query({ query, format: 'JSONCompactEachRow' })).json(),
    stop: async () => {
      await client.close();
      await server.stop(0);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A membership that owns what it is told to, with commits in a map that outlives it. */
export function createTestMembership(
  places: readonly TopicPartition[],
  commits: Map<string, bigint> = new Map(),
): Membership & {
  readonly commits: Map<string, bigint>;
  handlers(): MembershipHandlers;
  failCommits(isFailing: boolean): void;
} {
  let handlers: MembershipHandlers | null = null;
  let isFailing = false;
  return {
    kind: 'solo',
    commits,
    failCommits: (value) => (isFailing = value),
    handlers: () => {
      if (!handlers) throw new Error('not started');
      return handlers;
    },
    start: async (given) => {
      handlers = given;
      given.assigned(places);
    },
    commit: async (offsets: readonly NextOffset[]) => {
      if (isFailing) throw new Error('commits fail');
      for (const offset of offsets) commits.set(topicPartitionName(offset), offset.nextOffset);
    },
    committed: async (asked) =>
      asked.map((place) => ({ ...place, nextOffset: commits.get(topicPartitionName(place)) ?? -1n })),
    close: async () => {},
  };
}

/** A window result at an order offset. */
export function testWindow(orderOffset: number, changes: Partial<WindowResult> = {}): WindowResult {
  return {
    kind: 'window',
    pipeline: 'revenue',
    version: 1,
    output: 'country_1m',
    key: 'FR/EUR',
    windowStartMs: 1_764_000_000_000,
    windowEndMs: 1_764_000_060_000,
    state: 'final',
    complete: 1,
    watermarkMs: 1_764_000_061_000,
    clockMs: 1_764_000_062_000,
    values: { count: orderOffset, sumMinor: 100, meanMinor: 50.5, maxMinor: 60 },
    revision: String(revisionOf(1, BigInt(orderOffset))),
    producer: {
      pipeline: 'revenue',
      version: 1,
      shard: 0,
      epoch: 1,
      orderOffset: String(orderOffset),
      index: 0,
      entryId: `e-${orderOffset}`,
    },
    ...changes,
  };
}

/** Waits for a condition by asking again; throws after `timeoutMs`. */
export const eventually = (what: string, isSo: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> =>
  eventuallyWithin(what, isSo, { withinMs: timeoutMs, everyMs: 10 });
