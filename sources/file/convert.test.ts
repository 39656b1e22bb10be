import { describe, expect, it } from 'vitest';
import { toNumber, toTimeMs } from './convert.ts';

describe('toNumber', () => {
  it('scales and rounds money half up, by its digits', () => {
    for (const [text, minor] of [
      ['57.16', 5716],
      ['98.10000000000001', 9810],
      ['1.005', 101],
      ['0.29', 29],
      ['1e2', 10_000],
      ['0', 0],
    ] as const)
      expect(toNumber(text, true, 100)).toEqual({ kind: 'value', value: minor });
  });

  it('takes nothing for a number that is none', () => {
    for (const text of ['', ' ', 'x', '1,5', '0x10', 'NaN', 'Infinity', '1e999', '--1'])
      expect(toNumber(text, false)).toMatchObject({ kind: 'fault' });
    expect(toNumber('1.5', true)).toMatchObject({ kind: 'fault' });
  });
});

describe('toTimeMs', () => {
  it('reads ISO times, UTC where they name no zone', () => {
    const expected = { kind: 'value', value: Date.UTC(2018, 3, 1, 0, 0, 31) };
    for (const text of [
      '2018-04-01T00:00:31',
      '2018-04-01 00:00:31',
      '2018-04-01T00:00:31.000Z',
      '2018-04-01T02:00:31+02:00',
    ])
      expect(toTimeMs(text, 'iso')).toEqual(expected);
    expect(toTimeMs('2018-04-01', 'iso')).toEqual({ kind: 'value', value: Date.UTC(2018, 3, 1) });
  });

  it('reads numbers since 1970 in the unit named', () => {
    expect(toTimeMs('1569888144', 's')).toEqual({ kind: 'value', value: 1_569_888_144_000 });
    expect(toTimeMs('1506826800026', 'ms')).toEqual({ kind: 'value', value: 1_506_826_800_026 });
    expect(toTimeMs('1506826800026999', 'us')).toEqual({ kind: 'value', value: 1_506_826_800_026 });
  });

  it('refuses times that do not exist', () => {
    for (const text of ['2018-02-30T00:00:00', '2018-13-01', '2018-01-01T24:00:00', '01.04.2018', '', '1569888144'])
      expect(toTimeMs(text, 'iso')).toMatchObject({ kind: 'fault' });
  });
});
