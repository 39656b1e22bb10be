import type { PartitionLine, PipelineLine, StageLine, SystemStatus } from '../../live/system-status.ts';
import type { ClickHouseSinkStatus } from '../../sinks/clickhouse/sink.ts';
import type { TaskServiceStatus } from '../../tasks/service.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Service } from '../../telemetry/service.ts';
import { createRates } from './rates.ts';

/** What a service looks like from outside: its name and whatever it says of itself. */
export interface Observed {
  readonly name: string;
  status(): ReturnType<Service['status']>;
  restarts(): number;
}

/** The process's account of itself from what its services say; called about once a second. */
export function createSystemStatus(
  services: () => readonly Observed[],
  versions: ReadonlyMap<string, number>,
  clock: Clock,
): () => SystemStatus {
  const rates = createRates();
  return () => {
    const clockMs = clock.nowMs();
    const observed = services().map(({ name, status, restarts }) => ({ name, status: status(), errors: restarts() }));
    const pipelines = observed.flatMap(({ name, status }) => pipelineLines(name, versions.get(name) ?? 0, status));
    const stage = ({ name, status, errors }: (typeof observed)[number]): readonly StageLine[] => {
      const total = totalOf(status);
      return total === null ? [] : [{ name, total, errors, perSecond: rates.perSecond(name, total, clockMs) }];
    };
    const sum = (counter: string) => pipelines.reduce((total, { counters }) => total + (counters[counter] ?? 0), 0);
    const partitions = slowestOf(observed.flatMap(({ status }) => partitionLines(status)));
    // Each event once, however many pipelines read it.
    const events = partitions.filter(isOfEvents).reduce((total, { nextOffset }) => total + Number(nextOffset), 0);
    return {
      clockMs,
      services: observed.map(({ name, status: { state, detail } }) => ({ name, state, ...(detail && { detail }) })),
      stages: observed.flatMap(stage),
      partitions,
      pipelines,
      eventsPerSecond: rates.perSecond('events', events, clockMs),
      totals: {
        events,
        deadLetters: sum('deadLettered'),
        late: sum('late'),
        duplicates: sum('duplicate'),
        quarantined: sum('quarantined'),
      },
    };
  };
}

type Status = ReturnType<Service['status']>;

const isTask = (status: Status): status is TaskServiceStatus => 'shards' in status;
const isClickHouse = (status: Status): status is ClickHouseSinkStatus => 'insertedRows' in status;
const isGenerator = (status: Status): status is Status & { readonly sentTotal: number } => 'sentTotal' in status;

/** What a stage has passed on since its start: sent, folded, inserted; null for one that passes nothing on. */
function totalOf(status: Status): number | null {
  if (isTask(status)) return status.shards.reduce((total, { counters }) => total + (counters['in'] ?? 0), 0);
  if (isClickHouse(status)) return status.insertedRows;
  return isGenerator(status) ? status.sentTotal : null;
}

function pipelineLines(name: string, version: number, status: Status): readonly PipelineLine[] {
  if (!isTask(status)) return [];
  // Of those that another instance owns it is that one that tells.
  const own = status.shards.filter(({ state }) => state !== 'unassigned' && state !== 'standing_by');
  const shown = own.length > 0 ? own : status.shards;
  return shown.map(({ shard, parked, watermarkMs, inputs, counters: { dead = 0, ...counters } }) => ({
    name,
    version,
    shard,
    state: parked || status.state !== 'parked' ? status.state : 'running',
    watermarkMs: Number.isFinite(watermarkMs) ? watermarkMs : null,
    lagRecords: Object.values(inputs).reduce((total, { lag }) => total + Math.max(0, lag), 0),
    counters: { ...counters, deadLettered: dead },
  }));
}

/** Results that a pipeline reads, and rules, are no events. */
const isOfEvents = ({ partition }: PartitionLine): boolean => !partition.startsWith('millrace.');

/** Of each partition the pipeline that is furthest behind. */
function slowestOf(lines: readonly PartitionLine[]): readonly PartitionLine[] {
  const slowest = new Map<string, PartitionLine>();
  for (const line of lines) {
    const known = slowest.get(line.partition);
    if (!known || BigInt(line.nextOffset ?? 0) < BigInt(known.nextOffset ?? 0)) slowest.set(line.partition, line);
  }
  return [...slowest.values()].toSorted((a, b) => a.partition.localeCompare(b.partition));
}

function partitionLines(status: Status): readonly PartitionLine[] {
  if (!isTask(status)) return [];
  const lines = status.shards.flatMap(({ inputs }) => Object.entries(inputs));
  return lines.map(([partition, { nextOffset, lag, timeMs }]) => ({
    partition,
    nextOffset,
    ...(lag >= 0 && { endOffset: (BigInt(nextOffset) + BigInt(lag)).toString() }),
    lag: Math.max(0, lag),
    positionTimeMs: Number.isFinite(timeMs) ? timeMs : null,
  }));
}
