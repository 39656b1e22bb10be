import { describe, expect, it } from 'vitest';
import { createRates } from './rates.ts';
import { createSystemStatus } from './system-status.ts';

const shard = {
  shard: 0,
  watermarkMs: 5_000,
  inputs: {
    'payments-1': { nextOffset: '7', lag: 3, timeMs: 11_000 },
    'payments-0': { nextOffset: '9', lag: -1, timeMs: -Infinity },
  },
  counters: { in: 10, folded: 7, dead: 2, duplicate: 1 },
};

describe('createSystemStatus', () => {
  it('[J3] states lag, watermark and the counts of a task as the task does', () => {
    let nowMs = 1_000;
    const task = { name: 'revenue', restarts: () => 2, status: () => ({ state: 'running' as const, shards: [shard] }) };
    const behind = {
      ...{ ...shard, inputs: { 'payments-0': { nextOffset: '4', lag: 5, timeMs: 9_000 } } },
      counters: { in: 4, folded: 4 },
    };
    const other = { name: 'fraud', restarts: () => 0, status: () => ({ state: 'running' as const, shards: [behind] }) };
    const clock = { nowMs: () => nowMs, sleep: async () => {} };
    const status = createSystemStatus(() => [task, other], new Map([['revenue', 1]]), clock);
    status();
    shard.counters.in = 30;
    behind.inputs['payments-0'].nextOffset = '8';
    shard.inputs['payments-1'].nextOffset = '11';
    nowMs += 1_000;
    expect(status()).toMatchObject({
      services: [{ name: 'revenue', state: 'running' }, { name: 'fraud' }],
      stages: [{ name: 'revenue', total: 30, errors: 2, perSecond: 20 }, { name: 'fraud' }],
      partitions: [
        { partition: 'payments-0', lag: 5, nextOffset: '8', positionTimeMs: 9_000 },
        { partition: 'payments-1', lag: 3, nextOffset: '11', endOffset: '14', positionTimeMs: 11_000 },
      ],
      pipelines: [{ name: 'revenue', version: 1, watermarkMs: 5_000, lagRecords: 3 }, { name: 'fraud' }],
      eventsPerSecond: 8,
      totals: { events: 19, deadLetters: 2, duplicates: 1, late: 0, quarantined: 0 },
    });
  });
});

describe('createRates', () => {
  it('measures over the last five seconds and starts again when a total falls', () => {
    const rates = createRates();
    expect(rates.perSecond('a', 0, 0)).toBe(0);
    expect(rates.perSecond('a', 100, 1_000)).toBe(100);
    expect(rates.perSecond('a', 100, 6_000)).toBe(0);
    expect(rates.perSecond('a', 5, 7_000)).toBe(0);
  });
});
