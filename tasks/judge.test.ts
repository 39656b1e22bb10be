import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import type { OrderClaim, OrderEntry, OrderRecord } from './contract.ts';
import { emptyJudgeState, judge } from './judge.ts';
import type { JudgeState } from './judge.ts';

const genesis = { epoch: 1, base: null, starts: { 'in-0': '0', 'in-1': '10' } };
const claim = (id: string, replaces: string | null, more: Partial<OrderClaim> = {}): OrderClaim => ({
  kind: 'claim',
  id,
  replaces,
  clockMs: 100,
  ...more,
});
const entry = (id: string, prev: string, more: Partial<OrderEntry> = {}): OrderEntry => ({
  ...{ kind: 'entry', id, prev, clockMs: 100, ranges: [], idle: [] },
  ...more,
});
const run = (records: readonly (OrderRecord | null)[], from: JudgeState = emptyJudgeState) => {
  let state = from;
  const verdicts = records.map((record) => {
    const judgement = judge(state, record);
    state = judgement.state;
    return judgement.verdict === 'counts' ? judgement.kind : judgement.why;
  });
  return { state, verdicts };
};
const begun = run([claim('c1', null, { genesis })]).state;

describe('the judge, rule 1: claims', () => {
  it('counts the first claim only with a genesis, which sets epoch and starts', () => {
    expect(run([claim('c0', null), claim('c1', null, { genesis })]).verdicts).toEqual(['no_genesis', 'genesis']);
    expect(begun).toMatchObject({
      lastClaimId: 'c1',
      headId: 'c1',
      epoch: 1,
      clockMs: 100,
      positions: genesis.starts,
      genesis,
    });
  });
  it('ignores entries before the first counting claim', () => {
    expect(run([entry('e1', 'c1'), claim('c1', null, { genesis })]).verdicts).toEqual(['no_genesis', 'genesis']);
  });
  it('counts a claim that names the last one, and only that', () => {
    expect(
      run([claim('c2', 'c1'), claim('c3', 'c1'), claim('c4', null, { genesis }), claim('c5', 'c2')], begun).verdicts,
    ).toEqual([...['claim', 'claim_lost', 'claim_lost', 'claim']]);
  });
  it('lets one of two racing genesis claims win', () => {
    expect(run([claim('a', null, { genesis }), claim('b', null, { genesis })]).verdicts).toEqual([
      'genesis',
      'claim_lost',
    ]);
  });
  it('tells the copy of a claim that counted', () => {
    expect(run([claim('c1', null, { genesis })], begun).verdicts).toEqual(['copy']);
  });
  it('restarts at a claim that names a higher epoch, and takes a lower or equal one for a plain claim', () => {
    const read = run([entry('e1', 'c1', { ranges: [['in-0', '0', '5', 5, 1]], idle: ['in-1'] })], begun).state;
    const next = { epoch: 2, base: { name: 'n', sha256: 's' }, starts: { 'in-0': '3' } };
    const opened = run([claim('c2', 'c1', { genesis: next, clockMs: 50 })], read);
    expect(opened.verdicts).toEqual(['genesis']);
    expect(opened.state).toMatchObject({ epoch: 2, positions: { 'in-0': '3' }, idle: [], clockMs: 100, genesis: next });
    for (const epoch of [0, 1]) {
      const same = run([claim('c2', 'c1', { genesis: { ...next, epoch } })], read);
      expect(same.verdicts).toEqual(['claim']);
      expect(same.state).toMatchObject({ epoch: 1, positions: { 'in-0': '5', 'in-1': '10' }, genesis });
    }
  });
  it('keeps positions, idleness and clock over a plain claim', () => {
    const read = run(
      [entry('e1', 'c1', { ranges: [['in-0', '0', '5', 5, 1]], idle: ['in-1'], clockMs: 900 })],
      begun,
    ).state;
    const { state } = run([claim('c2', 'c1')], read);
    expect(state).toMatchObject({
      positions: { 'in-0': '5', 'in-1': '10' },
      idle: ['in-1'],
      clockMs: 900,
      headId: 'c2',
      lastClaimId: 'c2',
    });
  });
  it('carries the gap of an epoch into the first entry that counts, once', () => {
    const gapped = run([claim('c1', null, { genesis: { ...genesis, gap: 'lost' } })]).state;
    const [first, second] = [
      judge(gapped, entry('e1', 'c1')),
      judge(judge(gapped, entry('e1', 'c1')).state, entry('e2', 'e1')),
    ];
    expect([first, second].map((j) => j.verdict === 'counts' && j.kind === 'entry' && j.hasSkip)).toEqual([
      true,
      false,
    ]);
    expect(judge(judge(gapped, claim('c2', 'c1')).state, entry('e1', 'c2'))).toMatchObject({ hasSkip: true });
  });
});

describe('the judge, rule 2: entries', () => {
  it('counts what continues the head, from a claim or an entry', () => {
    const { verdicts, state } = run(
      [
        entry('e1', 'c1', { ranges: [['in-0', '0', '5', 5, 1]] }),
        entry('e2', 'e1', { ranges: [['in-0', '5', '6', 1, 1]] }),
      ],
      begun,
    );
    expect(verdicts).toEqual(['entry', 'entry']);
    expect(state).toMatchObject({ headId: 'e2', lastClaimId: 'c1', positions: { 'in-0': '6', 'in-1': '10' } });
  });
  it('ignores what continues anything else: a stale owner, a lost race, a retry', () => {
    const records = [
      entry('e1', 'c1'),
      entry('x', 'c1'),
      entry('e1', 'c1'),
      claim('c2', 'c1'),
      entry('y', 'e1'),
      entry('z', 'c1'),
      entry('e2', 'c2'),
    ];
    expect(run(records, begun).verdicts).toEqual([
      'entry',
      'wrong_prev',
      'copy',
      'claim',
      'wrong_prev',
      'wrong_prev',
      'entry',
    ]);
  });
  it.each<[string, OrderEntry['ranges']]>([
    ['begins too late', [['in-0', '1', '2', 1, 1]]],
    ['begins too early', [['in-1', '9', '11', 2, 1]]],
    ['is empty', [['in-0', '0', '0', 0, 0]]],
    ['runs backwards', [['in-1', '10', '9', 0, 0]]],
    ['has more records than offsets', [['in-0', '0', '2', 3, 1]]],
    ['names an unknown partition', [['in-2', '0', '2', 2, 1]]],
    [
      'comes after a good one, which does not count either',
      [
        ['in-1', '10', '11', 1, 1],
        ['in-0', '1', '2', 1, 1],
      ],
    ],
    [
      'repeats the one before',
      [
        ['in-0', '0', '2', 2, 1],
        ['in-0', '0', '2', 2, 1],
      ],
    ],
  ])('ignores the whole of an entry with a range that %s', (_name, ranges) => {
    expect(run([entry('e1', 'c1', { ranges })], begun)).toEqual({ verdicts: ['range_mismatch'], state: begun });
  });
  it('takes a range of holes alone, and two ranges of one partition in a row', () => {
    const ranges: OrderEntry['ranges'] = [
      ['in-0', '0', '2', 0, 0],
      ['in-0', '2', '5', 2, 9],
    ];
    expect(run([entry('e1', 'c1', { ranges })], begun)).toMatchObject({
      verdicts: ['entry'],
      state: { positions: { 'in-0': '5' } },
    });
  });
  it('joins a partition with its start, which may be read in the same entry, and refuses a known one', () => {
    const joined = run([entry('e1', 'c1', { joins: [['in-2', '7']], ranges: [['in-2', '7', '8', 1, 1]] })], begun);
    expect(joined).toMatchObject({
      verdicts: ['entry'],
      state: { positions: { 'in-0': '0', 'in-1': '10', 'in-2': '8' } },
    });
    expect(run([entry('e2', 'e1', { joins: [['in-2', '7']] })], joined.state).verdicts).toEqual(['join_known']);
    expect(
      run(
        [
          entry('e2', 'e1', {
            joins: [
              ['in-3', '0'],
              ['in-3', '0'],
            ],
          }),
        ],
        joined.state,
      ).verdicts,
    ).toEqual(['join_known']);
  });
  it('skips to where the gap ends, and only from the position and forwards', () => {
    const skipped = judge(
      begun,
      entry('e1', 'c1', { skips: [['in-0', '0', '9']], ranges: [['in-0', '9', '10', 1, 1]] }),
    );
    expect(skipped).toMatchObject({
      verdict: 'counts',
      hasSkip: true,
      state: { positions: { 'in-0': '10', 'in-1': '10' } },
    });
    expect(run([entry('e1', 'c1', { skips: [['in-0', '1', '9']] })], begun).verdicts).toEqual(['skip_mismatch']);
    expect(run([entry('e1', 'c1', { skips: [['in-1', '10', '9']] })], begun).verdicts).toEqual(['skip_mismatch']);
    expect(run([entry('e1', 'c1', { skips: [['in-9', '0', '9']] })], begun).verdicts).toEqual(['skip_mismatch']);
  });
  it('logs as idle only what is known and not read, once and in order', () => {
    const { state } = run(
      [entry('e1', 'c1', { idle: ['in-1', 'in-0', 'in-1', 'in-7'], ranges: [['in-0', '0', '1', 1, 1]] })],
      begun,
    );
    expect(state.idle).toEqual(['in-1']);
  });
  it('never lets the clock go back', () => {
    expect(run([entry('e1', 'c1', { clockMs: 500 }), entry('e2', 'e1', { clockMs: 3 })], begun).state.clockMs).toBe(
      500,
    );
  });
  it('ignores what cannot be decoded', () => {
    expect(run([null], begun)).toEqual({ verdicts: ['undecodable'], state: begun });
  });
});

/** Logs dense with near misses: few ids, few offsets. */
const id = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const offset = fc.integer({ min: 0, max: 4 }).map(String);
const tp = fc.constantFrom('p-0', 'p-1');
const claimFields = { kind: fc.constant('claim' as const), id, replaces: fc.option(id), clockMs: fc.nat(9) };
const anyClaim = fc.record({
  ...claimFields,
  genesis: fc.record({ epoch: fc.nat(3), base: fc.constant(null), starts: fc.dictionary(tp, offset) }),
});
const plainClaim = fc.record(claimFields);
const anyEntry = fc.record({
  kind: fc.constant('entry' as const),
  ...{ id, prev: id, clockMs: fc.nat(9), idle: fc.array(tp, { maxLength: 2 }) },
  ranges: fc.array(fc.tuple(tp, offset, offset, fc.nat(2), fc.nat(2)), { maxLength: 2 }),
  joins: fc.array(fc.tuple(tp, offset), { maxLength: 1 }),
  skips: fc.array(fc.tuple(tp, offset, offset), { maxLength: 1 }),
});
const anyLog = fc.array(fc.oneof(anyClaim, plainClaim, anyEntry, fc.constant(null)), { maxLength: 40 });

describe('the judge, for any log', () => {
  it('changes nothing when it ignores, and always moves the head to what counts', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        let state = emptyJudgeState;
        for (const record of log) {
          const before = JSON.stringify(state);
          const judgement = judge(state, record);
          expect(JSON.stringify(state)).toBe(before);
          if (judgement.verdict === 'ignored') expect(judgement.state).toBe(state);
          else expect(judgement.state.headId).toBe(record?.id);
          state = judgement.state;
        }
      }),
      { numRuns: 1_000 },
    );
  });
  it('never moves clock, epoch, or, within an epoch, a position back', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        let state = emptyJudgeState;
        for (const record of log) {
          const next = judge(state, record).state;
          expect(next.clockMs).toBeGreaterThanOrEqual(state.clockMs);
          expect(next.epoch).toBeGreaterThanOrEqual(state.epoch);
          if (next.genesis === state.genesis)
            for (const [name, at] of Object.entries(state.positions))
              expect(Number(next.positions[name])).toBeGreaterThanOrEqual(Number(at));
          state = next;
        }
      }),
      { numRuns: 1_000 },
    );
  });
  it('judges the rest of a log the same from a state that was stored', () => {
    const packr = new Packr({ moreTypes: true, mapsAsObjects: false });
    fc.assert(
      fc.property(anyLog, fc.nat(40), (log, cut) => {
        const { state } = run(log.slice(0, cut));
        const restored = packr.unpack(packr.pack(state)) as JudgeState;
        expect(run(log.slice(cut), restored)).toEqual(run(log.slice(cut), state));
      }),
      { numRuns: 300 },
    );
  });
  it('ignores every record that comes again at once, unless it names itself as its predecessor', () => {
    fc.assert(
      fc.property(anyLog, (log) => {
        let state = emptyJudgeState;
        for (const record of log) {
          const first = judge(state, record);
          const namesItself = record?.kind === 'entry' && record.prev === record.id;
          if (first.verdict === 'counts' && !namesItself) expect(judge(first.state, record).verdict).toBe('ignored');
          state = first.state;
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
