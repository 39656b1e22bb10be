import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GateLedger } from './gate-ledger.ts';

const groups = [
  { groupId: 'task', topics: ['payments'] },
  { groupId: 'archive', topics: ['payments', 'results'] },
];
const name = 'payments-0';

describe('the gate’s ledger', () => {
  test('gives credit up to the bound, and again when the slowest group has read', () => {
    const ledger = new GateLedger({ bytesMax: 1000, groups });
    expect(ledger.take(1, name, 100, 600)).toBe(600);
    expect(ledger.take(1, name, 100, 600)).toBe(400);
    expect(ledger.take(1, name, 1, 600)).toBe(0);
    ledger.delivered(1, name, 10, 1000);
    ledger.committed('task', name, 10);
    expect(ledger.serveWaiting()).toEqual([]);
    ledger.committed('archive', name, 9);
    expect(ledger.serveWaiting()).toEqual([]);
    ledger.committed('archive', name, 10);
    expect(ledger.serveWaiting()).toEqual([{ holder: 1, name, bytes: 600 }]);
  });

  test('does not bound what no group reads', () => {
    const ledger = new GateLedger({ bytesMax: 1000, groups });
    expect([ledger.isBounded('results-3'), ledger.isBounded('other-0')]).toEqual([true, false]);
  });

  test('lets a message larger than the bound pass alone', () => {
    const ledger = new GateLedger({ bytesMax: 1000, groups });
    expect(ledger.take(1, name, 5000, 5000)).toBe(5000);
    expect(ledger.take(2, name, 1, 1)).toBe(0);
    ledger.delivered(1, name, 1, 5000);
    for (const { groupId } of groups) ledger.committed(groupId, name, 1);
    expect(ledger.serveWaiting()).toEqual([{ holder: 2, name, bytes: 1 }]);
  });

  test('keeps the turn: a small ask does not pass a large one that waits', () => {
    const ledger = new GateLedger({ bytesMax: 1000, groups });
    ledger.take(1, name, 900, 900);
    expect(ledger.take(2, name, 500, 500)).toBe(0);
    expect(ledger.take(3, name, 50, 50)).toBe(0);
    ledger.left(1);
    expect(ledger.serveWaiting().map(({ holder }) => holder)).toEqual([2, 3]);
  });

  test('frees unused credit of who leaves in order', () => {
    const ledger = new GateLedger({ bytesMax: 1000, groups });
    ledger.take(1, name, 1000, 1000);
    ledger.left(1);
    expect(ledger.usedBytes(name)).toBe(0);
  });

  test('holds the credit of a dead producer until the groups pass the end seen after its death', () => {
    const ledger = new GateLedger({ bytesMax: 1000, groups });
    ledger.take(1, name, 1000, 1000);
    expect(ledger.died(1)).toEqual([name]);
    expect(ledger.usedBytes(name)).toBe(1000);
    ledger.orphansEndAt(name, 7);
    ledger.committed('task', name, 7);
    ledger.committed('archive', name, 6);
    expect(ledger.usedBytes(name)).toBe(1000);
    ledger.committed('archive', name, 7);
    expect(ledger.usedBytes(name)).toBe(0);
  });

  test('frees a dead producer’s credit at once where nothing was left to read', () => {
    const ledger = new GateLedger({ bytesMax: 1000, groups });
    ledger.take(1, name, 1000, 1000);
    ledger.died(1);
    ledger.orphansEndAt(name, 0);
    expect(ledger.usedBytes(name)).toBe(0);
  });

  test('never has more than the bound in use, and nothing once all is read, whatever happens', () => {
    const step = fc.record({
      what: fc.constantFrom('take', 'deliver', 'die', 'leave', 'commit'),
      holder: fc.integer({ min: 1, max: 3 }),
      bytes: fc.integer({ min: 1, max: 400 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ledger = new GateLedger({ bytesMax: 1000, groups });
        const credit = new Map<number, number>();
        let end = 0;
        for (const { what, holder, bytes } of steps) {
          const held = credit.get(holder) ?? 0;
          if (what === 'take') credit.set(holder, held + ledger.take(holder, name, bytes, bytes + 100));
          if (what === 'deliver' && held > 0) {
            const sent = Math.min(bytes, held);
            credit.set(holder, held - sent);
            ledger.delivered(holder, name, ++end, sent);
          }
          if (what === 'die') for (const orphan of ledger.died(holder)) ledger.orphansEndAt(orphan, end);
          if (what === 'leave') ledger.left(holder);
          if (what === 'die' || what === 'leave') credit.set(holder, 0);
          if (what === 'commit') for (const { groupId } of groups) ledger.committed(groupId, name, end);
          for (const grant of ledger.serveWaiting()) {
            credit.set(grant.holder, (credit.get(grant.holder) ?? 0) + grant.bytes);
          }
          expect(ledger.usedBytes(name)).toBeLessThanOrEqual(1000);
          expect(ledger.usedBytes(name)).toBeGreaterThanOrEqual([...credit.values()].reduce((a, b) => a + b, 0));
        }
        for (const holder of [1, 2, 3]) ledger.left(holder);
        for (const { groupId } of groups) ledger.committed(groupId, name, end);
        expect(ledger.usedBytes(name)).toBe(0);
      }),
    );
  });
});
