import { createFsStore } from '../../checkpoints/fs.ts';
import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { Membership, OutMessage, Producer } from '../../kafka/contract.ts';
import { decodeOrderRecord } from '../../tasks/order-codec.ts';
import { createTaskService } from '../../tasks/service.ts';
import type { TaskService } from '../../tasks/service.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createSimSource } from './broker.ts';
import { checkEntry, checkOutputs } from './checks.ts';
import { createSimFold, partitionOf } from './fold.ts';
import { createSimOrderProducer, createSimProducer } from './producers.ts';
import { createRandom, createSimProcess } from './virtual-time.ts';
import type { SimProcess } from './virtual-time.ts';
import { orderTopic, powerCut, resultPartitions } from './world.ts';
import type { Member, MutantView, World } from './world.ts';

/** A process that runs the real task service over the real pipeline. */
export function startMember(world: World): Member {
  const { time, broker, faults, options, random, clickhouse } = world;
  const process = createSimProcess(time, `p${world.ids++}`);
  const member: Member = { process, service: undefined as unknown as TaskService, handlers: null, isAssigned: [] };
  const sent: Uint8Array[][] = Array.from({ length: options.shards }, () => []);
  const onSend = ({ partition, value }: OutMessage): void => void (value && sent[partition]?.push(value));
  const slow = createRandom(Math.floor(random() * 2 ** 31));
  const { mutant } = options;
  member.service = createTaskService({
    createFold: (shard) =>
      createSimFold(shard, options.shards, (...seen) => checkEntry(world, shard, ...seen), mutant?.fold),
    shards: options.shards,
    membership: createMembership(world, member),
    orderTopic,
    startFrom: 'earliest',
    epoch: world.epoch,
    inputs: createSimSource(broker, process, faults),
    order: createSimSource(broker, process, faults),
    archive: (epoch) => clickhouse.archive(epoch, process),
    producer: withMutant(world, process, createSimProducer(broker, time, process, faults)),
    orderProducer: createSimOrderProducer(broker, time, process, faults, onSend),
    partitionFor: (_topic, key) => partitionOf(key, resultPartitions),
    store: createSimStore(world, process),
    clock: process.clock,
    random: slow,
    logger: silentLogger,
    metrics: createMetrics(),
    tuning: { ...tuning, pipelineDepth: options.depth },
    seams: mutant?.seams?.(viewOf(world, sent)),
  });
  void member.service.start();
  return member;
}

const tuning = {
  entryRecordsMax: 40,
  idleMs: 300,
  tickMs: 150,
  ownerHeartbeatMs: 250,
  ownerSilenceMs: 900,
  reclaimMaxMs: 300,
  starvedWaitMs: 30,
  partitionCheckMs: 400,
  snapshotEveryMs: 300,
  // So that crashes fall between the pieces of one.
  snapshotPieceBytes: 1_000,
  clockSkewMaxMs: null,
};

function createMembership({ options }: World, member: Member): Membership {
  return {
    kind: options.kind,
    start(handlers) {
      member.handlers = handlers;
      const all = Array.from({ length: options.shards }, (_, partition) => ({ topic: orderTopic, partition }));
      if (options.kind === 'solo') member.process.after(2, () => handlers.assigned(all));
      return Promise.resolve();
    },
    commit: () => new Promise((resolve) => member.process.after(2, resolve)),
    committed: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

function withMutant({ options }: World, process: SimProcess, producer: Producer): Producer {
  const change = options.mutant?.output;
  if (!change) return producer;
  const changed = (message: OutMessage): OutMessage =>
    message.value ? { ...message, value: change(message.value, process.clock.nowMs()) } : message;
  return { ...producer, send: (messages) => producer.send(messages.map(changed)) };
}

function viewOf({ broker }: World, sent: readonly (readonly Uint8Array[])[]): MutantView {
  return {
    sent: (shard) => sent[shard] ?? [],
    hasWritten(orderOffset) {
      const written = broker.partition({ topic: orderTopic, partition: 0 }).records[Number(orderOffset)]?.value ?? null;
      const id = written && decodeOrderRecord(written)?.id;
      return sent.some((records) => records.some((record) => decodeOrderRecord(record)?.id === id));
    },
  };
}

/** The real store on a disk that all processes share and that fills, tears and rots. */
function createSimStore(world: World, process: SimProcess): CheckpointStore {
  const { faults, disk, options, time } = world;
  const files = disk.files(process);
  const opening = createFsStore({ folder: '/snapshots', keep: 3, clock: process.clock, logger: silentLogger, files });
  return {
    list: async (task) => (await opening).list(task),
    load: async (name) => (await opening).load(name),
    close: () => Promise.resolve(),
    async save(id, pieces) {
      checkOutputs(world, id);
      if (faults.isOn() && faults.random() < 0.02) time.at(time.nowMs() + faults.random() * 12, () => powerCut(world));
      const broken = options.mutant?.snapshot?.(new Uint8Array(Buffer.concat(pieces)));
      const saved = await (await opening).save(id, broken ? [broken] : pieces);
      world.snapshots++;
      if (world.lastSaver !== '' && world.lastSaver !== process.name) faults.count('snapshot_by_another');
      world.lastSaver = process.name;
      // The one snapshot that a new epoch starts from has no one before it: rotten, it takes an operator again. Nor does anything rot
      // under an operator's hands.
      const mayRot = faults.isOn() && !world.isHandsOn && world.epoch.current === 1;
      const damage = mayRot && faults.random() < 0.05 ? disk.rot() : null;
      if (damage) faults.count(damage);
      return saved;
    },
  };
}
