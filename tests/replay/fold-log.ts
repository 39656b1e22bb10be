import { createHash } from 'node:crypto';
import { parseSnapshotName } from '../../checkpoints/name.ts';
import { foldOf } from '../../cli/start/fold-of.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import { orderTopic } from '../../events/topics.ts';
import type { Source } from '../../sources/source.ts';
import type { FoldOutput } from '../../tasks/contract.ts';
import { ParkError } from '../../tasks/park.ts';
import { recompute } from '../../tasks/recompute.ts';
import { systemClock } from '../../telemetry/clock.ts';

/** What folding order logs again gave: how many outputs, and a hash over all of them whatever their order. */
export interface Folded {
  readonly outputs: number;
  readonly sha256: string;
  readonly gaps: readonly string[];
}

/** Every output as `topic key bytes`, to be compared as a set with what was told live. */
export const outputHash = (topic: string, key: string, value: Uint8Array): string =>
  createHash('sha256').update(`${topic}\n${key}\n`).update(value).digest('hex');

/** One hash over many, in an order of their own: partitions of a result topic have none between them. */
export function hashOfAll(hashes: readonly string[]): string {
  const all = createHash('sha256');
  for (const hash of hashes.toSorted()) all.update(hash);
  return all.digest('hex');
}

/** The pipelines of the defaults, as the service that is replayed runs them. */
export const replayConfig = () =>
  loadConfig({ file: undefined, env: { MILLRACE_KAFKA_BROKERS: 'none:1', MILLRACE_KAFKA_GATE: 'none:1' } });

/** Folds the order logs of all pipelines again from one source of everything, and produces nothing. */
export async function foldLogs(
  open: () => Promise<Source> | Source,
  onOutput: (output: FoldOutput, hash: string) => void = () => {},
): Promise<Folded> {
  const config = replayConfig();
  const hashes: string[] = [];
  const gaps: string[] = [];
  for (const processor of processorsOf(config)) {
    const sources = [await open(), await open()];
    const outcome = await recompute({
      createFold: (shard) => foldOf({ config, env: {}, isEmbeddedBroker: true }, processor, shard),
      shard: 0,
      orderPartition: { topic: orderTopic(processor.name, processor.version), partition: 0 },
      epochs: [0],
      archive: () => sources.pop() ?? sourceUsedUp(),
      placeOf: ({ name }) => parseSnapshotName(name),
      loadBase: ({ name }) => Promise.reject(new ParkError('base_missing', name)),
      clock: systemClock,
      queueBytesMax: config.tasks.queueBytesMax,
      onOutputs(outputs) {
        for (const output of outputs) {
          const hash = outputHash(output.topic, output.key, output.value);
          hashes.push(hash);
          onOutput(output, hash);
        }
      },
      onChanged: ([partition]) => gaps.push(`${partition} is not as it was ordered`),
    });
    gaps.push(...outcome.gaps.map((gap) => `${processor.name}: ${gap}`));
  }
  return { outputs: hashes.length, sha256: hashOfAll(hashes), gaps };
}

function sourceUsedUp(): never {
  throw new Error('one epoch needs one source');
}
