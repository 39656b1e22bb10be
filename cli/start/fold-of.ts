import type { Config } from '../../config/schema.ts';
import { decodeDecision } from '../../events/decision-made.ts';
import { resultTopics } from '../../events/topics.ts';
import { createPipeline } from '../../pipeline.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import type { Fold } from '../../tasks/contract.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { TimedEvent } from '../../streams/batch.ts';
import type { Decode } from '../../streams/ingest.ts';
import { decodeMark } from '../../streams/unroute.ts';
import { breakFold } from '../../tests/journey/break-fold.ts';
import { decoderOf } from './decoder-of.ts';

export interface FoldSurroundings {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly isEmbeddedBroker: boolean;
  /** Where the decoder counts; absent: nowhere. */
  readonly metrics?: Metrics;
}

/** The fold of one shard of a pipeline, as the configuration has it: the same for the task and for who verifies it. */
export function foldOf(
  { config, env, isEmbeddedBroker, metrics }: FoldSurroundings,
  processor: AnyProcessor,
  shard: number,
): Fold {
  const fold = createPipeline({
    processor,
    decode: decoderOf(processor, { metrics }),
    lendingDecode: decoderOf(processor, { metrics, lends: true }),
    decodeOf: new Map<string, Decode<TimedEvent>>([
      [resultTopics.decisions, decodeDecision as Decode<TimedEvent>],
      ...(processor.routedBy ? [[processor.routedBy.topic, decodeMark as Decode<TimedEvent>] as const] : []),
    ]),
    clockGuard: { maxFutureMs: config.time.maxFutureMs, isCreateTimeTrusted: isEmbeddedBroker },
    outOfOrdernessMs: config.time.outOfOrdernessMs,
    dedupe: processor.routesTo ? null : { horizonMs: config.time.dedupeHorizonMs, idsMax: config.limits.dedupeIdsMax },
    shard,
    shards: processor.shards ?? 1,
  });
  return env['MILLRACE_BREAK'] === 'fold' ? breakFold(fold) : fold;
}
