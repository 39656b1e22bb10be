// What left the pipeline becomes results: dead letters and quarantined events, with their bytes and position.
// Guarantees: one output a rejected record; each is counted, by reason too.
// Redelivery: the identity is the input position, so the same entry gives the same outputs.
import type { Rejected, StreamBatch } from './batch.ts';
import { base64Of, inputPositionOf, positionText } from './positions.ts';
import { type Stage, stageOf } from './stage.ts';

export interface RejectsOptions {
  readonly deadLetterTopic: string;
  readonly quarantineTopic: string;
}

/** Turns `rejected` into outputs. Counts `dead`, `dead_<reason>` and `quarantined`. */
export function rejects<E>(options: RejectsOptions): Stage<StreamBatch<E>, StreamBatch<E>> {
  let counts: Record<string, number> = { dead: 0, quarantined: 0 };
  const add = (name: string) => (counts[name] = (counts[name] ?? 0) + 1);
  return stageOf({
    apply(batch: StreamBatch<E>): StreamBatch<E> {
      if (batch.rejected.length === 0) return batch;
      for (const rejected of batch.rejected) {
        add(rejected.kind);
        if (rejected.kind === 'dead') add(`dead_${rejected.reason}`);
      }
      const outputs = batch.rejected.map((rejected) => outputOf(rejected, options));
      return { ...batch, outputs: [...batch.outputs, ...outputs] };
    },
    snapshot: () => ({ ...counts }),
    restore: (state) => void (counts = { ...(state as Record<string, number>) }),
    counters: () => ({ ...counts }),
  });
}

function outputOf(rejected: Rejected, { deadLetterTopic, quarantineTopic }: RejectsOptions) {
  const { batch, index } = rejected;
  const common = {
    input: inputPositionOf(batch, index),
    keyBase64: base64Of(batch, batch.keyStart[index], batch.keyEnd[index]),
    valueBase64: base64Of(batch, batch.valueStart[index], batch.valueEnd[index]),
  };
  const identity = positionText(batch, index);
  const key = `${batch.topic}-${batch.partition}`;
  if (rejected.kind === 'quarantined') {
    const { kind, eventType, eventVersion, newestKnownVersion } = rejected;
    const body = { kind, eventType, eventVersion, newestKnownVersion, ...common };
    return { topic: quarantineTopic, key, identity, body };
  }
  const { reason, message, fieldPath, source } = rejected;
  const body = { kind: 'dead-letter', reason, message, fieldPath, source, ...common };
  return { topic: deadLetterTopic, key, identity, body };
}
