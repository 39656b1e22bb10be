import type { MemoryPool } from './memory-pool.ts';
import { ProducePartition } from './produce-partition.ts';

/** The lines of all partitions that anything was sent to, made when they are first asked for. */
export class ProduceLines {
  readonly #memory: MemoryPool;
  readonly #byTopic = new Map<string, (ProducePartition | undefined)[]>();
  readonly #all: ProducePartition[] = [];

  /** `memory`: for their batches. */
  constructor(memory: MemoryPool) {
    this.#memory = memory;
  }

  all(): readonly ProducePartition[] {
    return this.#all;
  }

  of(topic: string, partition: number): ProducePartition {
    let lines = this.#byTopic.get(topic);
    if (!lines) this.#byTopic.set(topic, (lines = []));
    const known = lines[partition];
    if (known) return known;
    const made = new ProducePartition({ topic, partition }, this.#memory);
    lines[partition] = made;
    this.#all.push(made);
    return made;
  }
}
