import { existsSync, writeFileSync } from 'node:fs';
import { rulesTopic } from '../../events/topics.ts';
import { createModel } from '../../sources/generator/model.ts';
import { emptyJudgeState } from '../../tasks/judge.ts';
import { encodeSnapshot, snapshotCodec } from '../../tasks/snapshot.ts';
import {
  type CorpusRecord,
  corpusEntries,
  goldenFile,
  goldenFold,
  goldenProcessors,
  outputLine,
  snapshotAt,
} from './corpus.ts';

/**
 * `npm run golden`: writes what the pipelines of now make of the corpus, and their snapshots in the middle of it. Before a
 * release: whenever a fold was changed on purpose. After one: only together with a new pipeline version, beside the old files.
 */
const startMs = Date.UTC(2026, 0, 5, 12);
const lengthMs = 120_000;

function corpus(): readonly CorpusRecord[] {
  const model = createModel({
    seed: 7,
    startMs,
    ratePerSecond: 3,
    shares: { late: 0.05, duplicate: 0.02, malformed: 0.02 },
  });
  const rule = (ruleId: string, expression: string, weight: number) => ({
    ...{
      id: ruleId,
      type: 'rule',
      version: 1,
      source: 'golden',
      eventTimeMs: startMs,
      key: ruleId,
      ruleId,
      expression,
    },
    ...{ weight, reason: 'golden', severity: 'high', isOn: true },
  });
  const rules = [
    rule('many', 'f.card_count_1m >= 2', 60),
    rule('large', 'payment.amountMinor > 20000', 30),
    {
      ...{ id: 't', type: 'thresholds', version: 1, source: 'golden', eventTimeMs: startMs, key: 'thresholds' },
      ...{ reviewScore: 25, declineScore: 60 },
    },
  ];
  const first = rules.map((event) => ({
    ...{ atMs: startMs, partition: `${rulesTopic}-0`, key: event.key, value: JSON.stringify(event) },
  }));
  const sent: CorpusRecord[] = [];
  for (let atMs = startMs; atMs < startMs + lengthMs; atMs += 250)
    for (const { topic, key, text } of model.advance(atMs))
      sent.push({
        atMs,
        partition: `${topic}-0`,
        key,
        value: text,
      });
  return [...first, ...sent];
}

if (!existsSync(goldenFile('corpus.jsonl')))
  writeFileSync(
    goldenFile('corpus.jsonl'),
    `${corpus()
      .map((record) => JSON.stringify(record))
      .join('\n')}\n`,
  );
for (const processor of goldenProcessors()) {
  const { name, version } = processor;
  const fold = goldenFold(processor);
  const entries = corpusEntries(processor.inputs);
  const lines: string[] = [`state ${fold.stateHash}`];
  for (const [i, entry] of entries.entries()) {
    if (i === snapshotAt(entries)) writeFileSync(goldenFile(`${name}.v${version}.snapshot`), snapshotOf(fold, i));
    lines.push(outputLine(fold, entry));
  }
  writeFileSync(goldenFile(`${name}.v${version}.outputs`), `${lines.join('\n')}\n`);
  process.stdout.write(`${name} v${version}: ${entries.length} entries\n`);
}

function snapshotOf(fold: ReturnType<typeof goldenFold>, orderOffset: number): Uint8Array {
  const { pipeline, version, stateHash } = fold;
  return encodeSnapshot({
    ...{ codec: snapshotCodec, pipeline, version, stateHash, shard: 0, orderOffset: String(orderOffset) },
    ...{ lastRecordId: 'golden', judge: emptyJudgeState, fold: fold.snapshot() },
    counters: { entries: orderOffset, records: 0, ignored: 0 },
  });
}
