import { readdirSync } from 'node:fs';
import { isObservable, Subject } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { processors } from '../processors/index.ts';
import { assertShards } from '../processors/processor.ts';
import type { StreamBatch } from '../streams/batch.ts';

const all = processors({
  revenue: { allowedLatenessMs: 3_600_000, provisionalEveryMs: 1_000, keysMax: 1_000 },
  fraud: { keysMax: 1_000, coolDownMs: 600_000, alertUpdateEveryMs: 30_000 },
  recommendations: {
    ...{ keysMax: 1_000, halfLifeMs: 1_800_000, coVisitWindowMs: 86_400_000, sessionGapMs: 1_800_000 },
    ...{ trendingEveryMs: 2_000, coVisitedEveryMs: 5_000, listItemsMax: 20 },
  },
  predictions: {
    ...{ allowedLatenessMs: 3_600_000, outOfOrdernessMs: 5_000, seriesMax: 100 },
    ...{ limit: 6, warmUpMinutes: 60, alarmsPerDayMax: 6 },
  },
});

const emptyBatch: StreamBatch<never> = {
  entry: {
    orderOffset: 0n,
    epoch: 0,
    entryId: 'a',
    clockMs: 0,
    partitions: [],
    idle: [],
    isAllIdle: false,
    hasRecords: false,
    hasSkip: false,
  },
  records: [],
  rejected: [],
  watermarkMs: new Float64Array(0),
  endWatermarkMs: -Infinity,
  publishUpToMs: -Infinity,
  incompleteBeforeMs: -Infinity,
  outputs: [],
};

test('every folder of processors/ is in the list that runs', () => {
  const folders = readdirSync(new URL('../processors', import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  const listed = all.map((processor) => processor.name);
  expect(folders.filter((folder) => !listed.some((name) => name === folder || name.startsWith(`${folder}-`)))).toEqual(
    [],
  );
  expect(new Set(listed).size).toBe(listed.length);
});

describe.each(all.map((processor) => [processor.name, processor] as const))('%s', (_, processor) => {
  test('declares what a processor declares', () => {
    expect(processor.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(Number.isSafeInteger(processor.version) && processor.version >= 1).toBe(true);
    expect(processor.inputs.length).toBeGreaterThan(0);
    expect(processor.eventTypes.length).toBeGreaterThan(0);
    expect(JSON.parse(JSON.stringify(processor.stateShape))).toEqual(processor.stateShape);
    expect(processor.acceptsBehindMs).toBeGreaterThanOrEqual(0);
    expect(Number.isFinite(processor.acceptsBehindMs)).toBe(true);
  });

  test('[A1] runs as several tasks only where its state allows it, and the configuration knows which', () => {
    const env = { [`MILLRACE_PIPELINES_${processor.name.toUpperCase()}_SHARDS`]: '2', MILLRACE_KAFKA_BROKERS: 'h:1' };
    const isRefused = (act: () => unknown): boolean => {
      try {
        act();
        return false;
      } catch (error) {
        expect((error as Error).message).toMatch(new RegExp(`${processor.name}|pipelines`));
        return true;
      }
    };
    expect(isRefused(() => assertShards(processor, 1))).toBe(false);
    expect(isRefused(() => loadConfig({ env }))).toBe(processor.shardedBy === undefined);
    expect(isRefused(() => assertShards(processor, 2))).toBe(processor.shardedBy !== 'message-key');
  });

  test('is an RxJS operator over batches: one batch in, one out, synchronously, outputs only added', () => {
    const instance = processor.create();
    const batches = new Subject<typeof emptyBatch>();
    const results = instance.operator(batches);
    expect(isObservable(results)).toBe(true);
    const seen: unknown[] = [];
    results.subscribe((batch) => seen.push(batch));
    const before = { topic: 't', key: 'k', identity: 'i', body: {} };
    batches.next({ ...emptyBatch, outputs: [before] });
    expect(seen).toEqual([expect.objectContaining({ outputs: [before] })]);
  });

  test('gives each task an instance of its own, whose state is taken and put back', () => {
    const [one, other] = [processor.create(), processor.create()];
    expect(one).not.toBe(other);
    other.restore(one.snapshot());
    expect(other.snapshot()).toEqual(one.snapshot());
    expect(Object.values(other.counters()).every(Number.isFinite)).toBe(true);
  });
});
