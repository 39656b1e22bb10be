import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { Membership } from '../../kafka/contract.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import type { RunContext } from './context.ts';
import type { Epoch } from './epoch.ts';
import type { Infrastructure } from './infrastructure.ts';

/** Everything that the services of one process share. */
export interface ServiceParts extends RunContext {
  readonly infrastructure: Infrastructure;
  readonly epoch: Epoch;
  readonly store: CheckpointStore;
  readonly processors: readonly AnyProcessor[];
}

/** A membership as the configuration has it: `solo` with an embedded broker unless told. */
export function memberOf(
  { config, infrastructure }: ServiceParts,
  groupId: string,
  topics: readonly string[],
): Promise<Membership> {
  const { membership, sessionTimeoutMs } = config.kafka;
  const kind = membership === 'auto' ? (infrastructure.isEmbeddedBroker ? 'solo' : 'group') : membership;
  return infrastructure.kafka.membership({ groupId, topics, kind, sessionTimeoutMs });
}
