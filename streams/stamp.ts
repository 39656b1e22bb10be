// The last operator: outputs get their producer's position and become bytes.
// Guarantees: at most one output for a topic and identity leaves an entry (the last); `index` counts from 0 without holes.
// Redelivery: position and bytes are a function of the entry, so consumers recognise what they have seen.
import type { FoldOutput } from '../tasks/contract.ts';
import type { Output, StreamBatch } from './batch.ts';
import { JsonBytes } from './json-bytes.ts';
import { type Stage, stageOf } from './stage.ts';

export interface StampOptions {
  readonly pipeline: string;
  readonly version: number;
  readonly shard: number;
  readonly revisionOf: (epoch: number, orderOffset: bigint) => bigint;
}

/** Batches to what is produced. Counts `outputs`. */
export function stamp<E>(options: StampOptions): Stage<StreamBatch<E>, readonly FoldOutput[]> {
  let produced = 0;
  return stageOf({
    apply(batch: StreamBatch<E>): readonly FoldOutput[] {
      const outputs = stampAll(lastOfEach(batch.outputs), batch, options);
      produced += outputs.length;
      return outputs;
    },
    snapshot: () => produced,
    restore: (state) => void (produced = state as number),
    counters: () => ({ outputs: produced }),
  });
}

const encoder = new TextEncoder();

/** What is the same for all outputs of an entry is written once: it is half of the text of most. */
function stampAll<E>(outputs: readonly Output[], { entry }: StreamBatch<E>, options: StampOptions): FoldOutput[] {
  const { pipeline, version, shard } = options;
  const { epoch, entryId } = entry;
  const orderOffset = String(entry.orderOffset);
  const revision = String(options.revisionOf(epoch, entry.orderOffset));
  const common = JSON.stringify({
    pipeline,
    version,
    revision,
    producer: { pipeline, version, shard, epoch, orderOffset, entryId },
  });
  const beforeIndex = `,${common.slice(1, -2)},"index":`;
  const beforeIndexBytes = encoder.encode(beforeIndex);
  const written = new JsonBytes();
  return outputs.map((output, index) => {
    const { topic, key } = output;
    if (output.writeBody) {
      output.writeBody(written);
      written.reopen().raw(beforeIndexBytes).number(index).ascii('}}');
      return { topic, key, value: written.take() };
    }
    const text = `${JSON.stringify(output.body).slice(0, -1)}${beforeIndex}${index}}}`;
    return { topic, key, value: encoder.encode(text) };
  });
}

/** Keeps, of each topic and identity, the last, in the place of the last. */
function lastOfEach(outputs: readonly Output[]): readonly Output[] {
  if (outputs.length < 2) return outputs;
  const byIdentity = new Map<string, Output>();
  for (const output of outputs) {
    const identity = `${output.topic} ${output.identity}`;
    if (byIdentity.has(identity)) byIdentity.delete(identity);
    byIdentity.set(identity, output);
  }
  return byIdentity.size === outputs.length ? outputs : [...byIdentity.values()];
}
