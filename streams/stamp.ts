// The last operator: outputs get their producer's position and become bytes.
// Guarantees: at most one output for a topic and identity leaves an entry (the last); `index` counts from 0 without holes.
// Redelivery: position and bytes are a function of the entry, so consumers recognise what they have seen.
import type { FoldOutput } from '../tasks/contract.ts';
import { type Output, type StreamBatch, suffixBytes } from './batch.ts';
import type { Block } from './blocks.ts';
import { Ending } from './ending.ts';
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
  const written = new JsonBytes();
  return stageOf({
    apply(batch: StreamBatch<E>): readonly FoldOutput[] {
      const outputs = stampAll(lastOfEach(batch.outputs), batch, options, written);
      produced += outputs.length;
      return outputs;
    },
    snapshot: () => produced,
    restore: (state) => void (produced = state as number),
    counters: () => ({ outputs: produced }),
  });
}

/** What is the same for all outputs of an entry is written once: it is half of the text of most. */
function stampAll<E>(
  outputs: readonly Output[],
  { entry }: StreamBatch<E>,
  options: StampOptions,
  written: JsonBytes,
): FoldOutput[] {
  const { pipeline, version, shard } = options;
  const { epoch, entryId } = entry;
  const orderOffset = String(entry.orderOffset);
  const revision = String(options.revisionOf(epoch, entry.orderOffset));
  const producer = { pipeline, version, shard, epoch, orderOffset, entryId };
  const ending = new Ending(written, { pipeline, version, revision, producer });
  return outputs.map((output, index) => output.stampLater?.(ending, index) ?? stampNow(output, ending, index));
}

function stampNow(output: Output, ending: Ending, index: number): FoldOutput {
  const { written: block } = output;
  if (!block) {
    if (output.writeBody) output.writeBody(ending.into);
    else ending.into.value(output.body);
    return new Stamped(output, ending.close(index));
  }
  const { start = 0, end = 0 } = output;
  if (ending.fitsInto(suffixBytes))
    return new Stamped(output, { block, start, end: ending.put(block, end - 1, index) });
  ending.into.raw(block.bytes.subarray(start, end));
  block.release();
  return new Stamped(output, ending.close(index));
}

interface Place {
  readonly block: Block;
  readonly start: number;
  readonly end: number;
}

/** An output as bytes within a block that many share; a view of it is only made for who asks. */
class Stamped implements FoldOutput {
  readonly topic: string;
  readonly key: string;
  readonly partition: number | undefined;
  /** Not of those that a copy takes along: one with another `value` is that value. */
  #block: Block | null;
  readonly #start: number;
  readonly #end: number;

  /** Of a block that is held for it. */
  constructor({ topic, key, partition }: Output, { block, start, end }: Place) {
    this.topic = topic;
    this.key = key;
    this.partition = partition;
    this.#block = block;
    this.#start = start;
    this.#end = end;
  }

  get block(): Uint8Array {
    if (!this.#block) throw new Error('an output was read after it was released');
    return this.#block.bytes;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get value(): Uint8Array {
    return this.block.subarray(this.#start, this.#end);
  }

  release(): void {
    this.#block?.release();
    this.#block = null;
  }
}

/** Keeps, of each topic and identity, the last, in the place of the last. */
function lastOfEach(outputs: readonly Output[]): readonly Output[] {
  const lastAt = new Map<string, number>();
  let named = 0;
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i] as Output;
    if (output.isOnly) continue;
    lastAt.set(identityOf(output), i);
    named++;
  }
  if (lastAt.size === named) return outputs;
  return outputs.filter((output, i) => output.isOnly || lastAt.get(identityOf(output)) === i);
}

const identityOf = ({ topic, identity }: Output): string => `${topic} ${identity}`;
