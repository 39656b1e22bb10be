import type { TopicPartition } from '../sources/source.ts';
import type { Fold, OrderClaim } from './contract.ts';
import { archivedEnd, assertEndKept, type LogPlace } from './archived-end.ts';
import { createChooser } from './chooser.ts';
import { isBackfillBase } from './backfill.ts';
import { catchUp } from './catch-up.ts';
import { prepareClaim } from './open-epoch.ts';
import { noFailpoint } from './failpoint.ts';
import { follow } from './follow.ts';
import { createIdleness } from './idleness.ts';
import { createInputs } from './inputs.ts';
import type { Inputs } from './inputs.ts';
import { judge } from './judge.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { createOrderAppender, createOrderReader } from './order-log.ts';
import type { LogRecord, OrderReader } from './order-log.ts';
import { archivedUnder, type TaskServiceOptions, type TaskTuning } from './options.ts';
import { createOutputs } from './outputs.ts';
import type { Outputs } from './outputs.ts';
import { runOwner } from './owner.ts';
import type { TermControl, TermEnd } from './owner.ts';
import { createNewcomers } from './partitions.ts';
import type { PartitionsOptions } from './partitions.ts';
import { createReplica } from './replica.ts';
import type { Applied, Replica } from './replica.ts';
import type { TaskCounters } from './snapshot.ts';
import { fromLastGenesis, loadBase, newestValid } from './start.ts';
import type { StartOptions } from './start.ts';
import { type Takeover, createTakeover } from './takeover.ts';
import type { TaskMetrics } from './task-metrics.ts';
import { createKnownIdentities, identitiesOf, type IdentitiesOptions } from './topic-identities.ts';
import type { Wake } from './wake.ts';
import { createWriter } from './writer.ts';

export interface TermOptions {
  readonly service: TaskServiceOptions;
  readonly tuning: TaskTuning;
  readonly shard: number;
  /** Names pipeline, version and state hash; not moved. */
  readonly identity: Fold;
  readonly metrics: TaskMetrics;
  readonly control: TermControl;
  readonly wake: Wake;
  readonly newId: () => string;
  /** Commits positions if it is time; never waited for. Gives how long until it will be. */
  readonly commit: (term: TermView, nowMs: number) => number;
  /** Commits positions now. */
  readonly commitLast: (term: TermView) => Promise<void>;
  /** The end of the order log before anything of it was read. */
  readonly onLogEnd: (endOffset: bigint) => void;
  /** Shows what the term works on; called once, before anything is read. */
  readonly onOpen: (view: TermView) => void;
  readonly onPhase: (phase: 'standing_by' | 'catching_up' | 'claiming') => void;
  /** The claim was read back and counts. */
  readonly onOwned: () => void;
  /** When the task was assigned. */
  readonly assignedMs: () => number;
  /** The first result of an entry of this owner is acknowledged, so long after the task was assigned. */
  readonly onTakenOver: (ms: number) => void;
}

/** What status and commits look at. */
export interface TermView {
  readonly replica: Replica;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
}

/** The parts of one term. Each term starts from the newest snapshot anew, so nothing of an earlier one can leak into it. */
interface Parts extends TermView {
  readonly start: StartOptions;
  readonly reader: OrderReader;
  readonly begun: LogPlace;
  readonly savedCounters: TaskCounters;
}

/** Runs one term from the newest snapshot to its end. Throws a `ParkError` or a retryable error. */
export async function runTerm(options: TermOptions): Promise<TermEnd> {
  const { service, tuning, metrics, wake, control } = options;
  const takeover = createTakeover({
    clock: service.clock,
    sinceMs: options.assignedMs,
    onDone: options.onTakenOver,
  });
  const outputs = (service.seams?.createOutputs ?? createOutputs)({
    producer: service.producer,
    partitionFor: service.partitionFor,
    clock: service.clock,
    failpoint: service.failpoint ?? noFailpoint,
    messagesMax: tuning.outputMessagesMax,
    bytesMax: tuning.outputBytesMax,
    onAcked(messages) {
      metrics.outputs(messages);
      takeover.acked(outputs);
      wake.wake();
    },
  });
  const inputs = openInputs(options);
  let reader: OrderReader | null = null;
  const archived = archivedEnd(options);
  try {
    const parts = await openParts(options, inputs, outputs);
    reader = parts.reader;
    options.onOpen(parts);
    const hasFollowed = !control.isAssigned();
    if (hasFollowed) options.onPhase('standing_by');
    const identities = createKnownIdentities(identitiesOptions(options), service.clock, tuning.partitionCheckMs);
    if (!(await follow({ ...options, identities }, parts))) return 'stopped';
    options.onPhase('catching_up');
    const keeper = keeperOf(options, parts);
    const onApplied = (logRecord: LogRecord, applied: Applied): void => note(options, keeper, logRecord, applied);
    if (!(await catchUp({ ...options, onApplied, hasFollowed }, { ...parts, keeper }))) return 'stopped';
    if (parts.replica.judgeState().endedBy !== undefined) return await ended(options, parts, keeper);
    await assertEndKept(options, { begun: parts.begun, reached: placeOf(parts.replica) }, await archived);
    const claim = await prepareClaim({ ...options, identities, partitions: partitionsOf(options) }, parts);
    if (control.isStopped()) return 'stopped';
    options.onPhase('claiming');
    return await own(options, parts, { claim, keeper, takeover });
  } finally {
    reader?.close();
    inputs.close();
    outputs.close();
  }
}

function openInputs({ service, tuning, metrics, wake, shard }: TermOptions): Inputs {
  const { archive, epoch } = service;
  return createInputs({
    source: service.inputs,
    archive: archive && (() => archive(archivedUnder(epoch))),
    clock: service.clock,
    queueBytesMax: tuning.queueBytesMax,
    onArrival: () => wake.wake(),
    onArchiveRead(partition, why) {
      metrics.archiveRead(why);
      service.logger.warn({ shard, partition, why }, 'range read from the archive');
    },
  });
}

async function openParts(options: TermOptions, inputs: Inputs, outputs: Outputs): Promise<Parts> {
  const { service, shard, identity, wake } = options;
  const { clock, epoch } = service;
  const topicPartition: TopicPartition = { topic: service.orderTopic, partition: shard };
  const start: StartOptions = {
    store: service.store,
    logger: service.logger,
    clock,
    shard,
    fold: identity,
    orderSource: service.order,
    orderPartition: topicPartition,
  };
  options.onLogEnd((await service.order.bounds(topicPartition)).endOffset);
  const judged = service.seams?.judge ?? judge;
  const { createFold } = service;
  const incarnation = archivedUnder(epoch);
  const found = await newestValid(start, (entry) => entry.epoch >= incarnation && !isBackfillBase(entry), 'live');
  const from = await fromLastGenesis({ ...start, createFold, judge: judged }, found?.snapshot);
  const replica = createReplica({
    shard,
    createFold,
    inputs,
    loadBase: (base) => loadBase(start, base),
    failpoint: service.failpoint ?? noFailpoint,
    judge: judged,
    from,
  });
  const begun = placeOf(replica);
  const nextOffset = begun.orderOffset;
  const open = service.seams?.createOrderReader ?? createOrderReader;
  const reader = open({ source: service.order, topicPartition, nextOffset, clock, onArrival: () => wake.wake() });
  service.logger.info(
    { shard, snapshot: found?.entry.name ?? null, orderOffset: nextOffset.toString() },
    'task starts',
  );
  return { start, replica, inputs, outputs, reader, begun, savedCounters: replica.counters() };
}

const placeOf = (replica: Replica): LogPlace => ({
  orderOffset: replica.nextOffset(),
  state: replica.judgeState(),
});

/** Another version goes on: what this one still has to tell is told, and nothing more is ever claimed. */
async function ended({ control }: TermOptions, { outputs }: Parts, { saveNow }: Keeper): Promise<TermEnd> {
  await saveNow(() => control.isStopped());
  const failure = outputs.failure();
  if (failure) throw failure;
  return 'ended';
}

/** Snapshots are also taken while catching up with the log, once its outputs are acknowledged: a restart soon after need not begin again. */
function keeperOf({ service, shard, tuning, metrics }: TermOptions, parts: Parts): Keeper {
  const { replica, outputs, begun, savedCounters } = parts;
  const { store, clock, logger, failpoint = noFailpoint } = service;
  return createKeeper({
    ...{ replica, outputs, store, shard, clock, logger, failpoint, savedCounters },
    savedOffset: begun.orderOffset,
    everyMs: tuning.snapshotEveryMs,
    pieceBytes: tuning.snapshotPieceBytes,
    onSaved: metrics.snapshot,
  });
}

function note({ metrics }: TermOptions, keeper: Keeper, { record }: LogRecord, { judgement }: Applied): void {
  if (record?.kind === 'mark') keeper.mark(record.label);
  metrics.entry(judgement.verdict === 'ignored' ? 'ignored' : 'counts');
  if (judgement.verdict === 'counts' && judgement.kind === 'entry' && record?.kind === 'entry')
    metrics.records(record.ranges.reduce((sum, [, , , count]) => sum + count, 0));
}

const identitiesOptions = ({ service, identity }: TermOptions): IdentitiesOptions => ({
  service,
  topics: identity.inputs,
});

const partitionsOf = ({ service, shard, identity }: TermOptions): PartitionsOptions => ({
  source: service.inputs,
  topics: identity.inputs,
  shard,
  shards: service.shards,
});

function own(
  options: TermOptions,
  parts: Parts,
  { claim, keeper, takeover }: { readonly claim: OrderClaim; readonly keeper: Keeper; readonly takeover: Takeover },
): Promise<TermEnd> {
  const { service, tuning, shard, metrics, wake, control, newId } = options;
  const { clock, failpoint = noFailpoint } = service;
  const { replica, inputs } = parts;
  const topicPartition = { topic: service.orderTopic, partition: shard };
  const writer = createWriter({
    appender: createOrderAppender(service.orderProducer, topicPartition),
    clock,
    failpoint,
    judge: service.seams?.judge ?? judge,
    depth: tuning.pipelineDepth,
    onFailure: () => wake.wake(),
    onReadBack: metrics.appended,
  });
  const running = runOwner(
    {
      ...{ kind: service.membership.kind, clock, wake, failpoint, control, newId, writer, keeper, ...parts },
      chooser: createChooser({
        cursors: () => inputs.all(),
        partitionTimeMs: (partition) => replica.fold().partitionTimeMs(partition),
        ...tuning,
      }),
      idleness: createIdleness({ source: service.inputs, idleMs: tuning.idleMs, onChange: () => wake.wake() }),
      newcomers: createNewcomers(
        {
          ...partitionsOf(options),
          genesis: () => replica.judgeState().genesis,
          check: () => identitiesOf(identitiesOptions(options), claim.topics ?? {}),
        },
        tuning.partitionCheckMs,
        () => wake.wake(),
      ),
      commit: (nowMs) => options.commit(parts, nowMs),
      onOwned() {
        takeover.owned();
        options.onOwned();
      },
      onApplied(logRecord, applied) {
        takeover.made(logRecord.orderOffset, applied.outputs.length);
        note(options, keeper, logRecord, applied);
      },
      rhythm: { ...tuning, heartbeatMs: tuning.ownerHeartbeatMs },
    },
    claim,
  );
  return running.then((end) => finish(options, parts, end, keeper.saveNow)).finally(() => writer.drop());
}

/** A drained task waits for its outputs, saves, and commits; bounded by whoever drains it. */
async function finish(
  { control, commitLast }: TermOptions,
  parts: Parts,
  end: TermEnd,
  saveNow: (isOver: () => boolean) => Promise<void>,
): Promise<TermEnd> {
  if (end !== 'drained') return end;
  await saveNow(() => control.isStopped());
  await commitLast(parts);
  return end;
}
