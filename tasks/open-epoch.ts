import type { CheckpointStore } from '../checkpoints/store.ts';
import type { OrderClaim } from './contract.ts';
import { backfill, isBackfillBase } from './backfill.ts';
import { type CloseOptions, type EpochStart, closePreviousEpoch } from './epoch.ts';
import { noFailpoint } from './failpoint.ts';
import { archivedUnder, type TaskServiceOptions, type TaskTuning } from './options.ts';
import type { TermControl } from './owner.ts';
import type { Outputs } from './outputs.ts';
import { type PartitionsOptions, assertNotGrown, countPartitions, startsOf } from './partitions.ts';
import type { Replica } from './replica.ts';
import type { StartOptions } from './start.ts';
import { identitiesOf, type KnownIdentities } from './topic-identities.ts';

export interface OpenEpochOptions {
  readonly service: TaskServiceOptions;
  readonly tuning: TaskTuning;
  readonly shard: number;
  readonly partitions: PartitionsOptions;
  readonly control: TermControl;
  readonly newId: () => string;
  /** What a standby knows already. */
  readonly identities?: KnownIdentities;
}

interface OpenEpochParts {
  readonly replica: Replica;
  readonly outputs: Outputs;
  readonly start: StartOptions;
}

/** The claim of a task that has read its log: with a genesis where nothing ever counted, or where a new epoch is due. */
export async function prepareClaim(options: OpenEpochOptions, parts: OpenEpochParts): Promise<OrderClaim> {
  const { service, newId } = options;
  const state = parts.replica.judgeState();
  const isNew = !state.genesis || (service.epoch.openNew && state.epoch < service.epoch.current);
  if (!isNew) await assertNotGrown(options.partitions, state.genesis);
  const opened = isNew ? await openEpoch(options, parts) : null;
  const clockMs = Math.max(service.clock.nowMs(), state.clockMs, opened?.clockMs ?? 0);
  const asked = { service, topics: options.partitions.topics };
  const topics =
    (!opened && options.identities?.recent()) || (await identitiesOf(asked, opened ? {} : (state.topics ?? {})));
  const claim: OrderClaim = {
    ...{ kind: 'claim', id: newId(), replaces: state.lastClaimId, clockMs },
    ...(topics && { topics }),
  };
  return opened ? { ...claim, genesis: opened.genesis } : claim;
}

type Opened = { readonly genesis: NonNullable<OrderClaim['genesis']>; readonly clockMs: number };

/** What the genesis of a new epoch says: the base to fold from, and where every input begins. */
async function openEpoch(options: OpenEpochOptions, parts: OpenEpochParts): Promise<Opened> {
  const { epoch, startFrom, logger } = options.service;
  const start = await stateBefore(options, parts);
  if (start.gap) logger.warn({ epoch: epoch.current, gap: start.gap }, 'the new epoch begins with a gap');
  const number = Math.max(epoch.current, start.epoch ?? 0);
  const starts = await startsOf(options.partitions, startFrom, start.isSameTopics ? start.positions : {});
  const incarnation = archivedUnder(epoch);
  const { shards = 1 } = parts.replica.fold();
  const genesis = {
    ...{ epoch: number, base: start.base, starts },
    ...(incarnation !== number && { incarnation }),
    ...(shards > 1 && { shards, counts: await countPartitions(options.partitions) }),
    ...(start.gap !== undefined && { gap: start.gap }),
  };
  return { genesis, clockMs: start.clockMs };
}

type Before = EpochStart & { readonly epoch?: number; readonly isSameTopics?: boolean };

/** From the version before, from the epoch before, or from nothing. */
async function stateBefore(options: OpenEpochOptions, parts: OpenEpochParts): Promise<Before> {
  const { service, tuning, control, newId } = options;
  const { epoch, archive, createFold, failpoint = noFailpoint, predecessor, inputs, orderProducer } = service;
  const close: CloseOptions = {
    ...parts.start,
    ...{ previousEpoch: epoch.previous?.epoch ?? -1, archive, createFold, failpoint, outputs: parts.outputs },
    queueBytesMax: tuning.queueBytesMax,
  };
  if (predecessor && !(await hasRun(service.store, parts.start))) {
    const isStopped = (): boolean => control.isStopped();
    const filled = await backfill({ ...close, predecessor, inputs, orderProducer, newId, isStopped });
    return { ...filled, isSameTopics: true };
  }
  if (epoch.openNew && epoch.previous) return closePreviousEpoch(close);
  return { base: null, clockMs: 0, positions: {} };
}

/** Whether this version has saved anything of its own. */
async function hasRun(store: CheckpointStore, { fold, shard }: StartOptions): Promise<boolean> {
  const listed = await store.list({ pipeline: fold.pipeline, version: fold.version, shard });
  return listed.some((entry) => !isBackfillBase(entry));
}
