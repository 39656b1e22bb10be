// The process that `bench -- state` measures, told everything as JSON in its first argument: folds payments of every card, then says what the
// state takes in memory, and how long its snapshot takes to be made, stored, read and restored.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createFsStore } from '../../checkpoints/fs.ts';
import { decoderOf } from '../../cli/start/decoder-of.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import { createPipeline } from '../../pipeline.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import type { Processor } from '../../processors/processor.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { type View, viewsShape } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';
import type { Fold } from '../../tasks/contract.ts';
import { emptyJudgeState } from '../../tasks/judge.ts';
import { decodeSnapshot, encodeSnapshot, noCounters, snapshotCodec } from '../../tasks/snapshot.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { report, setupOf } from '../measured-process.ts';
import { type Measured, Meter, rounded } from '../meter.ts';

export interface StateSetup {
  /** windows: count and sum in three tumbling windows; features: all that fraud keeps of a card, in five trailing windows. */
  readonly kind: 'windows' | 'features';
  readonly keys: number;
  readonly paymentsPerKey: number;
}

export interface StateMeasured extends Measured {
  readonly keys: number;
  /** Of memory that is not the collector's to take: heap, buffers and arrays. */
  readonly bytesPerKey: number;
  readonly snapshot: Speed;
  readonly restore: Speed;
}

interface Speed {
  readonly bytes: number;
  /** Of CPU and wait, to the durable file and from it. */
  readonly mbPerSecond: number;
}

const MINUTE_MS = 60_000;
const startMs = Date.UTC(2026, 0, 5);
const entryRecords = 1_000;
const { kind, keys, paymentsPerKey } = setupOf<StateSetup>();
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

report(await measure());

async function measure(): Promise<StateMeasured> {
  const payments = keys * paymentsPerKey;
  const meter = new Meter(payments);
  const entries = entriesOf();
  const first = entries.next();
  const fold = createFold();
  const before = heldBytes();
  meter.begin();
  let done = 0;
  for (let next = first; !next.done; next = entries.next()) {
    fold.fold(next.value);
    meter.done((done += entryRecords));
    // As a task does: others have their turn between two entries.
    await new Promise(setImmediate);
  }
  const measured = meter.end();
  const bytesPerKey = Math.round((heldBytes() - before) / keys);
  const { saved: snapshot, restored: restore } = await saveAndRestore(fold);
  return { ...measured, keys, bytesPerKey, snapshot, restore };
}

/** Each card pays as often as the others, over an hour; all of them in its last minute. */
function* entriesOf() {
  const log = new EntryLog();
  const stepMs = paymentsPerKey < 2 ? 0 : Math.floor((58 * MINUTE_MS) / (paymentsPerKey - 1));
  for (let round = 0; round < paymentsPerKey; round++)
    for (let from = 0; from < keys; from += entryRecords) {
      const eventTimeMs = startMs + round * stepMs + Math.floor((from / keys) * 50_000);
      const records = Array.from({ length: Math.min(entryRecords, keys - from) }, (_, i) => {
        const card = `card-${String(from + i).padStart(9, '0')}`;
        return { key: card, value: paymentOf(card, round, eventTimeMs) };
      });
      yield log.append({ clockMs: eventTimeMs, records });
    }
}

function paymentOf(cardId: string, round: number, eventTimeMs: number): Payment {
  return {
    ...{ id: `${cardId}-${round}`, type: 'payment', version: 2, source: 'shop', eventTimeMs, key: cardId, cardId },
    ...{ amountMinor: 1_000_000 + ((eventTimeMs + round) % 9_000), currency: 'EUR', merchantId: 'merchant-1' },
    ...{ country: 'FR', category: 'retail' },
  };
}

/** Without remembering ids: they are of payments, not of keys. */
function createFold(): Fold {
  const processor = kind === 'windows' ? velocity() : fraud();
  return createPipeline({
    processor,
    decode: decoderOf(processor),
    lendingDecode: decoderOf(processor, { lends: true }),
    clockGuard: { maxFutureMs: MINUTE_MS, isCreateTimeTrusted: false },
    ...{ outOfOrdernessMs: 5_000, dedupe: null, shard: 0, shards: 1 },
  });
}

function velocity(): AnyProcessor {
  const views: readonly View<Payment>[] = [
    {
      name: 'card',
      keyOf: ({ cardId }) => cardId,
      fields: [
        ['count', field(count, () => null)],
        ['sumMinor', field(sum, ({ amountMinor }: Payment) => amountMinor)],
      ],
      outputs: [
        { name: 'card_1m', window: { kind: 'tumbling', sizeMs: MINUTE_MS } },
        { name: 'card_10m', window: { kind: 'tumbling', sizeMs: 10 * MINUTE_MS } },
        { name: 'card_1h', window: { kind: 'tumbling', sizeMs: 60 * MINUTE_MS } },
      ],
    },
  ];
  const limits = { allowedLatenessMs: 0, provisionalEveryMs: 1e15, keysMax: keys, cellsMax: keys * 8 };
  const processor: Processor<Payment> = {
    ...{ name: 'velocity', version: 1, inputs: ['payments'], eventTypes: ['payment'] },
    ...{ stateShape: viewsShape(views), acceptsBehindMs: 60 * MINUTE_MS },
    fieldsRead: { payment: ['amountMinor', 'cardId'] },
    create: () => windowed({ ...limits, views, topics: resultTopics }),
  };
  return processor as AnyProcessor;
}

function fraud(): AnyProcessor {
  const config = loadConfig({ file: undefined, env: {}, checkSecrets: false });
  const limits = { ...config.limits, keysMax: Math.max(keys, config.limits.keysMax) };
  return processorsOf({ ...config, limits }).find(({ name }) => name === 'fraud') as AnyProcessor;
}

function heldBytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** As a task saves it and starts from it. */
async function saveAndRestore(fold: Fold): Promise<{ readonly saved: Speed; readonly restored: Speed }> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-state-'));
  const { pipeline, version, stateHash } = fold;
  const id = { pipeline, version, stateHash, epoch: 1, shard: 0, orderOffset: 1n };
  try {
    const store = await createFsStore({ folder, keep: 1, clock: systemClock, logger: silentLogger });
    const savingMs = performance.now();
    const bytes = encodeSnapshot({
      ...{ codec: snapshotCodec, pipeline, version, stateHash, shard: 0, orderOffset: '1', lastRecordId: '' },
      ...{ judge: emptyJudgeState, fold: fold.snapshot(), counters: noCounters },
    });
    const { name } = await store.save(id, [bytes]);
    const saved = speedOf(bytes.length, savingMs);
    const fresh = createFold();
    const restoringMs = performance.now();
    const loaded = await store.load(name);
    const snapshot = loaded && decodeSnapshot(loaded);
    if (!snapshot) throw new Error('the snapshot cannot be read');
    fresh.restore(snapshot.fold);
    return { saved, restored: speedOf(bytes.length, restoringMs) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function speedOf(bytes: number, sinceMs: number): Speed {
  return { bytes, mbPerSecond: rounded(bytes / 1e6 / ((performance.now() - sinceMs) / 1_000), 1) };
}
