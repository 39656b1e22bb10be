// The rules of a folder as records on `millrace.rules`: all at the start, and from then on what changes.
// Guarantees: a rule is published whole or not at all; a fault changes nothing and is logged; who is gone from the folder is gone
// from the rules in force.
// Redelivery: the same rule again changes nothing for who folds it.
import { watch, type FSWatcher } from 'node:fs';
import { rulesTopic } from '../../events/topics.ts';
import type { Producer } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';
import { type CheckExpression, readRules, type RuleFiles } from './read-rules.ts';

export interface RulePublisherOptions {
  readonly folder: string;
  readonly check: CheckExpression;
  readonly producer: Pick<Producer, 'partitionCount' | 'send'>;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Changes of several files at once are one change. */
const settleMs = 100;
/** Where a folder cannot be watched, and for changes that a watch has missed. */
const lookEveryMs = 5_000;
const defaultThresholds = { reviewScore: 50, declineScore: 80 };

export function createRulePublisher(options: RulePublisherOptions): Service {
  const { folder, check, producer, clock, logger } = options;
  const published = new Map<string, string>();
  const stopping = new AbortController();
  let toldFaults = '';
  let state: ServiceStatus['state'] = 'starting';
  let detail: string | undefined;
  let loop: Promise<void> = Promise.resolve();

  const publish = async (): Promise<void> => {
    const files = await readRules(folder, check);
    const faults = files.faults.join('\n');
    if (faults !== toldFaults)
      for (const fault of files.faults) logger.error({ fault }, 'a rule has a fault: it stays as it was');
    toldFaults = faults;
    const events = eventsOf(files, published, options.newId, clock.nowMs());
    if (events.length === 0) return;
    const partitions = await producer.partitionCount(rulesTopic);
    await producer.send(
      events.map(({ key, event }) => ({
        topic: rulesTopic,
        partition: partitionOf(Buffer.from(key), partitions),
        key: Buffer.from(key),
        value: Buffer.from(JSON.stringify(event)),
        timestampMs: clock.nowMs(),
      })),
    );
    for (const { key, text } of events) published.set(key, text);
    logger.info({ published: events.map(({ key }) => key), rules: files.rules.length }, 'rules published');
  };
  // Opened before the folder is read: what changes while it is read is told, too.
  let watching: FolderWatch | null = null;
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(lookEveryMs, watching?.changed);
      watching?.close();
      watching = watchFolder(folder);
      await clock.sleep(settleMs, stopping.signal);
      if (!stopping.signal.aborted) await publish();
    }
  };
  return {
    async start() {
      watching = watchFolder(folder);
      await publish().catch((error: unknown) => {
        watching?.close();
        throw error;
      });
      state = 'running';
      loop = run()
        .catch((error: unknown) => {
          if (stopping.signal.aborted) return;
          state = 'failed';
          detail = error instanceof Error ? error.message : String(error);
        })
        .finally(() => watching?.close());
    },
    async drain() {
      stopping.abort();
      watching?.tell();
      await loop;
      state = 'stopped';
    },
    status: () => ({ state, ...(detail !== undefined && { detail }) }),
  };
}

interface RuleRecord {
  readonly key: string;
  readonly event: object;
  /** What was published, without id and time. */
  readonly text: string;
}

/** What differs from what was published; a rule with a fault keeps its place among those in force. */
function eventsOf(
  { rules, thresholds, faults }: RuleFiles,
  published: ReadonlyMap<string, string>,
  newId: () => string,
  nowMs: number,
): readonly RuleRecord[] {
  const envelope = (type: string, key: string) => ({
    id: newId(),
    type,
    version: 1,
    source: 'config/rules',
    eventTimeMs: nowMs,
    key,
  });
  const faulty = [...published.keys()].filter((key) => faults.some((fault) => fault.includes(`/${key}.y`)));
  const ruleIds = [...new Set([...rules.map(({ ruleId }) => ruleId), ...faulty.filter((key) => key !== 'thresholds')])];
  const scores =
    thresholds ??
    (JSON.parse(published.get('thresholds') ?? JSON.stringify(defaultThresholds)) as typeof defaultThresholds);
  const all = [
    ...rules.map((rule) => ({ key: rule.ruleId, type: 'rule', body: rule as object })),
    { key: 'thresholds', type: 'thresholds', body: { ...scores, ruleIds: ruleIds.toSorted() } },
  ];
  return all
    .map(({ key, type, body }) => ({ key, text: JSON.stringify(body), event: { ...envelope(type, key), ...body } }))
    .filter(({ key, text }) => published.get(key) !== text);
}

interface FolderWatch {
  /** Aborted once something in the folder changed, or may have. */
  readonly changed: AbortSignal;
  tell(): void;
  close(): void;
}

function watchFolder(folder: string): FolderWatch {
  const changing = new AbortController();
  const tell = (): void => changing.abort();
  let watcher: FSWatcher | null = null;
  try {
    watcher = watch(folder, tell).on('error', tell);
  } catch {
    // Not every file system can be watched: then the folder is looked at now and then.
  }
  return { changed: changing.signal, tell, close: () => watcher?.close() };
}
