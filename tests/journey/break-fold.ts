import { resultTopics } from '../../events/topics.ts';
import type { Fold, FoldOutput } from '../../tasks/contract.ts';

/**
 * The fold with one value deliberately wrong: the sum of the first final row that it gives is one too high. It proves that
 * the verification notices what a fold gets wrong. Nothing but `verify:journey --break fold` asks for it.
 */
export function breakFold(fold: Fold): Fold {
  let isBroken = false;
  const breakOnce = (output: FoldOutput): FoldOutput => {
    if (isBroken || output.topic !== resultTopics.windows) return output;
    const row = JSON.parse(Buffer.from(output.value).toString()) as { state: string; values: { sumMinor: number } };
    if (row.state !== 'final') return output;
    isBroken = true;
    row.values.sumMinor += 1;
    return { ...output, value: Buffer.from(JSON.stringify(row)) };
  };
  return {
    pipeline: fold.pipeline,
    version: fold.version,
    inputs: fold.inputs,
    stateHash: fold.stateHash,
    fold: (entry) => fold.fold(entry).map(breakOnce),
    snapshot: () => fold.snapshot(),
    restore: (state) => fold.restore(state),
    partitionTimeMs: (partition) => fold.partitionTimeMs(partition),
    watermarkMs: () => fold.watermarkMs(),
    counters: () => fold.counters(),
  };
}
