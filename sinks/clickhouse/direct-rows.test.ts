import { seeded } from '../../bench/seeded.ts';
import { describe, expect, it } from 'vitest';
import { mutatedJson } from '../../tests/mutated-json.ts';
import { writeResult } from './blocks.ts';
import { createDirectRows } from './direct-rows.ts';
import { readResult } from './result-records.ts';
import { createRowBuffer, type RowBuffer } from './row-binary.ts';
import type { TableName } from './tables.ts';
import { testDecision } from './testbed-insights-suite.ts';
import { testWindow } from './testbed-suite.ts';

const utf8 = new TextEncoder();

/** Tables that are emptied after each record. */
function createTables() {
  const buffers = new Map<TableName, RowBuffer>();
  const bufferOf = (table: TableName): RowBuffer => {
    const found = buffers.get(table) ?? createRowBuffer();
    buffers.set(table, found);
    return found;
  };
  const cut = (): string => {
    const rows = [...buffers].filter(([, { rows: count }]) => count > 0);
    const text = rows.map(
      ([table, one]) => `${table} ${one.rows} ${Buffer.from(one.slice(0, one.rows)).toString('hex')}`,
    );
    for (const one of buffers.values()) one.reset();
    return text.join();
  };
  return { bufferOf, cut };
}

/** Writes records as the sink does, and says which way each went. */
function createWriter() {
  const tables = createTables();
  const direct = createDirectRows(tables.bufferOf);
  return {
    write(bytes: Uint8Array, start = 0, end = bytes.length): { readonly isDirect: boolean; readonly row: string } {
      if (direct.write(bytes, start, end)) return { isDirect: true, row: tables.cut() };
      const read = readResult(bytes.subarray(start, end));
      if (read.kind === 'reject') return { isDirect: false, row: read.reason };
      writeResult(tables.bufferOf, read.result);
      direct.learn(read.result.kind, bytes, start, end);
      return { isDirect: false, row: tables.cut() };
    },
  };
}

const parsed = createTables();
/** What parsing, checking and writing make of it. */
function parsedRow(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const read = readResult(bytes.subarray(start, end));
  if (read.kind === 'reject') return read.reason;
  writeResult(parsed.bufferOf, read.result);
  return parsed.cut();
}

const plainRules = [{ ruleId: 'velocity', verdict: 'miss', weight: 40, reason: '' }] as const;
const decision = testDecision(1, { rules: plainRules as never, amountMinor: 5_000 });

describe('rows without an object in between', () => {
  it.each([
    ['window', (i: number) => testWindow(i, { key: `k${i}`, values: { count: i, meanMinor: i / 7, top: null } })],
    ['decision', (i: number) => ({ ...decision, paymentId: `p${i}`, deviceId: i % 2 ? 'd' : null, score: i / 10 })],
  ])('copies each %s that looks like the first', (_kind, resultOf) => {
    const writer = createWriter();
    for (let i = 1; i <= 20; i++) {
      const bytes = utf8.encode(JSON.stringify(resultOf(i)));
      expect(writer.write(bytes)).toEqual({ isDirect: i > 1, row: parsedRow(bytes) });
    }
  });

  it.each([
    ['an escape', { key: 'a"b' }],
    ['text beyond ASCII', { key: 'café' }],
    ['another type', { version: '1' }],
    ['a state that there is not', { state: 'open' }],
    ['more than 32 bits', { version: 2 ** 32 }],
    ['a negative time', { windowStartMs: -1 }],
    ['a revision of 19 digits', { revision: '1844674407370955161' }],
    ['another name in an object', { values: { counts: 1, sumMinor: 100, meanMinor: 50.5, maxMinor: 60 } }],
    ['a tiny number', { values: { count: 1e-7, sumMinor: 100, meanMinor: 50.5, maxMinor: 60 } }],
    ['a field more', { extra: 1 }],
  ])('leaves %s to parsing', (_what, change) => {
    const writer = createWriter();
    writer.write(utf8.encode(JSON.stringify(testWindow(1))));
    const bytes = utf8.encode(JSON.stringify({ ...testWindow(2), ...change }));
    expect(writer.write(bytes)).toEqual({ isDirect: false, row: parsedRow(bytes) });
  });

  it('learns nothing from objects that JSON.stringify would write otherwise', () => {
    const writer = createWriter();
    for (const values of ['{"2":1,"1":1}', '{"a":1,"a":2}', '{"a": 1}', '{"a":1.50}', '{"a":1e2}']) {
      const text = JSON.stringify(testWindow(1, { values: {} })).replace('"values":{}', `"values":${values}`);
      const bytes = utf8.encode(text);
      for (let i = 0; i < 3; i++) expect(writer.write(bytes)).toEqual({ isDirect: false, row: parsedRow(bytes) });
    }
  });

  it('stops trying where records do not look like one another, and begins again later', () => {
    const writer = createWriter();
    const odd = (i: number) => utf8.encode(JSON.stringify(testWindow(1, { values: { [`k${i}`]: i } })));
    for (let i = 0; i < 2_000; i++) writer.write(odd(i));
    const same = utf8.encode(JSON.stringify(testWindow(1)));
    for (let i = 0; i < 3; i++) expect(writer.write(same).isDirect).toBe(false);
    for (let i = 0; i < 64 * 1_024; i++) writer.write(same);
    expect(writer.write(same).isDirect).toBe(true);
  });

  it('makes the rows that parsing makes of 80,000 mutated results, seed 20261127', { timeout: 600_000 }, () => {
    const random = seeded(20_261_127);
    const writers = [createWriter(), createWriter()];
    const buffer = new Uint8Array(16_384);
    const differing: string[] = [];
    let direct = 0;
    const records = Number(process.env['MILLRACE_FUZZ_RECORDS'] ?? 80_000);
    for (let i = 0; i < records && differing.length < 3; i++) {
      const kind = random(2);
      const text = JSON.stringify(kind === 0 ? windowOf(random) : decisionOf(random));
      const record = random(3) === 0 ? text : mutatedJson(text, random);
      // What follows the record in the buffer could go on from it.
      const { written } = utf8.encodeInto(record, buffer);
      utf8.encodeInto(text.slice(random(text.length)), buffer.subarray(written));
      const { isDirect, row } = (writers[kind] as (typeof writers)[number]).write(buffer, 0, written);
      if (isDirect) direct++;
      if (row !== parsedRow(buffer, 0, written)) differing.push(record);
    }
    expect(differing).toEqual([]);
    expect(direct).toBeGreaterThan(records / 5);
  });
});

type Random = (below: number) => number;

const numberOf = (random: Random): number =>
  [random(1e9), random(1e6) / 1_000, random(1e9) / 7, -random(1e6) / 100, random(10) / 1e6, 2 ** random(80)][
    random(6)
  ] as number;

const windowOf = (random: Random) =>
  testWindow(random(1e9), {
    key: `merchant-${random(1e6)}`,
    watermarkMs: random(5) === 0 ? -Infinity : random(2 ** 31) * 1_000,
    values: {
      count: random(1e6),
      sum: numberOf(random),
      mean: random(4) === 0 ? null : numberOf(random),
      ...(random(2) === 0 && { top: [{ name: `n${random(9)}`, isExact: random(2) === 0, count: random(99) }] }),
    },
  });

const decisionOf = (random: Random) =>
  testDecision(random(1e9), {
    amountMinor: random(1e6),
    deviceId: random(2) === 0 ? null : `d${random(1e6)}`,
    score: random(1e4) / 1e4,
    rules: plainRules.map((rule) => ({ ...rule, weight: random(100), verdict: random(2) ? 'hit' : 'miss' })) as never,
    features: {
      count: random(1e4),
      mean: numberOf(random),
      isFirst: random(2) === 0,
      since: random(2) ? null : random(1e9),
    },
  });
