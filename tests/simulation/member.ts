import type { CheckpointStore } from '../../checkpoints/store.ts';
import { CheckpointError } from '../../checkpoints/store.ts';
import type { Membership, OutMessage } from '../../kafka/contract.ts';
import { createTaskService } from '../../tasks/service.ts';
import type { TaskService } from '../../tasks/service.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createSimOrderProducer, createSimProducer, createSimSource } from './broker.ts';
import { checkChain, checkOutputs } from './checks.ts';
import { createCountingFold } from './counting-fold.ts';
import { createRandom, createSimProcess } from './virtual-time.ts';
import type { SimProcess } from './virtual-time.ts';
import { orderTopic, resultPartitions } from './world.ts';
import type { Member, World } from './world.ts';

/** A process that runs the real task service. */
export function startMember(world: World): Member {
  const { time, broker, faults, options, random } = world;
  const process = createSimProcess(time, `p${Math.floor(random() * 1e9)}`);
  const member: Member = { process, service: undefined as unknown as TaskService, handlers: null, isAssigned: [] };
  const sent: Uint8Array[][] = Array.from({ length: options.shards }, () => []);
  const onSend = ({ partition, value }: OutMessage): void => void (value && sent[partition]?.push(value));
  const slow = createRandom(Math.floor(random() * 2 ** 31));
  member.service = createTaskService({
    createFold: (shard) => createCountingFold((entry, chain) => checkChain(world, shard, entry, chain)),
    shards: options.shards,
    membership: createMembership(world, member),
    orderTopic,
    startFrom: 'earliest',
    epoch: { current: 1, openNew: false },
    inputs: createSimSource(broker, process, faults),
    order: createSimSource(broker, process, faults),
    producer: createSimProducer(broker, time, process, faults),
    orderProducer: createSimOrderProducer(broker, time, process, faults, onSend),
    partitionFor: (_topic, key) => key.charCodeAt(1) % resultPartitions,
    store: createSimStore(world, process),
    clock: process.clock,
    random: slow,
    logger: silentLogger,
    metrics: createMetrics(),
    tuning: { ...tuning, pipelineDepth: options.depth },
    seams: options.mutant?.((shard) => sent[shard] ?? []),
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

/** Shared by all processes; a save may be slow, refused, or come after the crash; a snapshot may rot. */
function createSimStore(world: World, process: SimProcess): CheckpointStore {
  const { store, faults, time } = world;
  const later = <T>(value: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => process.after(1 + faults.random() * 3, () => void value().then(resolve, reject)));
  return {
    list: (task) => later(() => store.list(task)),
    load: (name) => later(() => store.load(name)),
    close: () => Promise.resolve(),
    save(id, bytes) {
      checkOutputs(world, id.shard, id.orderOffset);
      const isRefused = faults.isOn() && faults.random() < 0.1;
      return new Promise((resolve, reject) => {
        time.at(time.nowMs() + faults.random() * 60, () => {
          if (isRefused) {
            faults.count('disk_full');
            process.after(1, () => reject(new CheckpointError('full', 'simulated')));
            return;
          }
          void store.save(id, bytes).then((entry) => {
            world.snapshots++;
            if (faults.isOn() && faults.random() < 0.05) {
              faults.count('rot');
              store.damage(entry.name);
            }
            process.after(1, () => resolve(entry));
          });
        });
      });
    },
  };
}
