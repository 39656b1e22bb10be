import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OrderRecord } from './contract.ts';
import { decodeOrderRecord, encodeOrderRecord, orderRecordBytesMax, orderRecordId } from './order-codec.ts';

const entry = { kind: 'entry', id: 'e1', prev: 'c1', clockMs: 5, ranges: [['in-0', '0', '2', 2, 77]], idle: ['in-1'] };
const claim = {
  kind: 'claim',
  id: 'c1',
  replaces: null,
  clockMs: 5,
  genesis: { epoch: 0, base: null, starts: { 'in-0': '0' } },
};
const decode = (value: unknown): OrderRecord | null => decodeOrderRecord(Buffer.from(JSON.stringify(value)));

describe('order records', () => {
  it('come back as they were written, unknown fields tolerated', () => {
    for (const record of [
      entry,
      claim,
      { ...entry, joins: [['in-2', '0']], skips: [['in-0', '0', '9']], why: 'x' },
      { ...claim, later: 1 },
    ])
      expect(decodeOrderRecord(encodeOrderRecord(record as unknown as OrderRecord))).toEqual(record);
  });
  it.each<[string, unknown]>([
    ['no object', [entry]],
    ['null', null],
    ['an unknown kind', { ...entry, kind: 'vote' }],
    ['no id', { ...entry, id: undefined }],
    ['an empty id', { ...entry, id: '' }],
    ['a clock that is text', { ...entry, clockMs: '5' }],
    ['a negative clock', { ...entry, clockMs: -1 }],
    ['a fractional clock', { ...entry, clockMs: 1.5 }],
    ['no prev', { ...entry, prev: null }],
    ['ranges that are no list', { ...entry, ranges: {} }],
    ['a numeric offset', { ...entry, ranges: [['in-0', 0, '2', 2, 77]] }],
    ['an offset that is not canonical', { ...entry, ranges: [['in-0', '00', '2', 2, 77]] }],
    ['a negative offset', { ...entry, ranges: [['in-0', '-1', '2', 2, 77]] }],
    ['an offset beyond 64 bits', { ...entry, ranges: [['in-0', '0', '99999999999999999999', 2, 77]] }],
    ['a fractional count', { ...entry, ranges: [['in-0', '0', '2', 1.5, 77]] }],
    ['a short range', { ...entry, ranges: [['in-0', '0', '2', 2]] }],
    ['idle that is no text', { ...entry, idle: [1] }],
    ['a bad join', { ...entry, joins: [['in-2']] }],
    ['a bad skip', { ...entry, skips: [['in-0', '0']] }],
    ['a claim without replaces', { ...claim, replaces: undefined }],
    ['a genesis with a bad epoch', { ...claim, genesis: { ...claim.genesis, epoch: -1 } }],
    ['a genesis with a bad start', { ...claim, genesis: { ...claim.genesis, starts: { 'in-0': 0 } } }],
    ['a genesis with half a base', { ...claim, genesis: { ...claim.genesis, base: { name: 'x' } } }],
  ])('are undecodable with %s', (_name, value) => {
    expect(decode(value)).toBeNull();
  });
  it('are undecodable when they are no JSON, absent or too large, and never throw', () => {
    expect(decodeOrderRecord(null)).toBeNull();
    expect(decodeOrderRecord(Buffer.from('{"kind":'))).toBeNull();
    expect(decode({ ...entry, why: 'x'.repeat(orderRecordBytesMax) })).toBeNull();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => decodeOrderRecord(bytes) === null,
      ),
    );
  });
  it('refuse to be written too large', () => {
    const ranges = Array.from({ length: 60_000 }, (_, i) => [`in-${i}`, '0', '2', 2, 77] as const);
    expect(() => encodeOrderRecord({ ...entry, ranges } as unknown as OrderRecord)).toThrow(RangeError);
  });
  it('have an id to be recognised by, whatever they hold', () => {
    const bytes = Buffer.from('garbage');
    expect(orderRecordId(bytes, null)).toMatch(/^#\d+$/);
    expect(orderRecordId(null, null)).toBe('#null');
    expect(orderRecordId(bytes, entry as unknown as OrderRecord)).toBe('e1');
  });
});
