import type { ClickHouseClient } from '@clickhouse/client';
import type { Membership } from '../../kafka/contract.ts';
import type { Source } from '../../sources/source.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';
import type { Sink } from '../sink.ts';
import type { TableRows } from './insert.ts';
import { SinkLoop } from './loop.ts';
import { migrate } from './migrate.ts';
import { applyTtl, type TtlDays } from './ttl.ts';

/**
 * The service that puts topics into ClickHouse: inputs and order logs into the archive, results into their tables. Guarantees
 * that offsets are committed only after their rows are durable, that nothing is skipped silently, and bounded memory. What
 * is redelivered after a crash makes the same rows, which identity and revision merge away.
 */
export interface ClickHouseSinkOptions {
  /** Stays open when the sink drains. */
  readonly client: ClickHouseClient;
  readonly database: string;
  /** For this sink alone; stays open when it drains. */
  readonly reader: Source;
  /** Over all topics below, not started; closed by `drain`. */
  readonly membership: Membership;
  readonly topics: {
    /** Archived as events. */
    readonly inputs: readonly string[];
    /** Archived as order logs. */
    readonly orders: readonly string[];
    /** Stored as rows of results; archived as well where they are among the inputs. */
    readonly results: readonly string[];
  };
  /** Incarnation of the topics: part of every archived record's identity. */
  readonly epoch: number;
  readonly limits?: Partial<SinkLimits>;
  readonly ttlDays?: TtlDays;
  /** A drain goes on to the ends of the topics: for a broker that forgets (default). Else what was read is enough. */
  readonly readsToEndOnDrain?: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Instead of inserts by `client`: for tests. */
  readonly sink?: Sink<TableRows>;
}

export interface SinkLimits {
  /**
   * Rows and bytes that start an insert. While it is under way the next is gathered, up to the same; then polling waits. So twice these
   * bytes, and a poll more each, bound the sink's memory.
   */
  readonly batchRowsMax: number;
  readonly batchBytesMax: number;
  /** Longest wait of a row for its insert to start. */
  readonly batchWaitMs: number;
  /** Inserts started by `batchWaitMs` alone: each makes a part in every table that it fills. */
  readonly insertsPerMinuteMax: number;
  /** How long `drain` may take; what is left then is redelivered at the next start. */
  readonly drainTimeoutMs: number;
}

/** As in config/millrace.yaml. */
export const defaultLimits: SinkLimits = {
  batchRowsMax: 5_000,
  batchBytesMax: 8 * 2 ** 20,
  batchWaitMs: 200,
  insertsPerMinuteMax: 300,
  drainTimeoutMs: 8_000,
};

export interface ClickHouseSinkStatus extends ServiceStatus {
  readonly partitions: number;
  readonly bufferedRows: number;
  readonly bufferedBytes: number;
  readonly insertedRows: number;
  readonly lagRecords: number;
  readonly gaps: number;
  readonly rejects: number;
}

export interface ClickHouseSink extends Service {
  status(): ClickHouseSinkStatus;
}

/** Not started. `start` migrates the database first and rejects while ClickHouse or the broker do not answer. */
export function createClickHouseSink(options: ClickHouseSinkOptions): ClickHouseSink {
  const limits = { ...defaultLimits, ...options.limits };
  const loop = new SinkLoop(options, limits);
  return {
    start: async () => {
      const { client, database, logger } = options;
      await migrate(client, { database, logger });
      if (options.ttlDays) await applyTtl(client, database, options.ttlDays);
      await loop.start();
    },
    drain: () => loop.drain(),
    status: () => loop.status(),
  };
}
