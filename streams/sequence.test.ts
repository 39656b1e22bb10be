import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { of } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { Output, StreamBatch, TimedEvent } from './batch.ts';
import { EntryLog, type LoggedEntry } from './entry-log.ts';
import { ingest } from './ingest.ts';
import { playMarbles } from './marbles.ts';
import { type SequenceOptions, sequence } from './sequence.ts';
import { watermark } from './watermark.ts';

const MINUTE = 60_000;
const T0 = 1_767_225_600_000;

interface Act extends TimedEvent {
  readonly isNewDevice?: boolean;
}

const act = (type: string, minute: number, id = `${type}@${minute}`, key = 'ann'): { value: Act } => ({
  value: { id, type, source: 'app', eventTimeMs: T0 + minute * MINUTE, key, isNewDevice: type === 'login' },
});

const takeover: SequenceOptions<Act> = {
  name: 'takeover',
  kind: 'followed',
  keyOf: ({ key }) => key,
  isFirst: ({ type, isNewDevice = false }) => type === 'login' && isNewDevice,
  isSecond: ({ type }) => type === 'payout',
  withinMs: 10 * MINUTE,
  allowedLatenessMs: 0,
  keysMax: 100,
  factsMax: 1_000,
  topics: { windows: 'windows', late: 'late' },
};

/** `state key: a → b` in minutes; a late fact as `late a`. */
function show({ topic, body }: Output): string {
  const row = body as { state: string; key: string; windowStartMs: number; values: Record<string, string> };
  const minute = (row.windowStartMs - T0) / MINUTE;
  if (topic === 'late') return `late ${minute}`;
  const second = row.values['secondId'] === undefined ? '' : ` → ${row.values['secondId']}`;
  return `${row.state} ${row.key} ${minute}${second}`;
}

function play(
  options: Partial<SequenceOptions<Act>>,
  ...diagram: Parameters<typeof playMarbles> extends [unknown, ...infer Rest] ? Rest : never
): void {
  const { operator } = sequence({ ...takeover, ...options });
  const assertEqual = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected);
  playMarbles<Act>({ operator, outOfOrdernessMs: MINUTE, startMs: T0 + 1e7, show, assertEqual }, ...diagram);
}

describe('A then B', () => {
  test('[C15] [E8] a login from a new device, then a payout within ten minutes, is told with the payout', () => {
    play(
      {},
      'a-b-c-d|',
      {
        a: { records: [act('login', 0), act('login', 3, 'in', 'bob')] },
        b: { records: [act('payout', 9.99)] },
        c: { records: [act('payout', 13, 'out', 'bob')] }, // ten minutes: too far
        d: { records: [act('payout', 9.995)] }, // another one of the same login
      },
      '--b----|',
      { b: ['final ann 0 → payout@9.99'] },
    );
  });

  test('[C15] facts that come in the wrong order give the same; an earlier payout corrects which was the first', () => {
    play(
      {},
      'a-b-c|',
      {
        a: { records: [act('payout', 5)] },
        b: { records: [act('login', 4.5)] },
        c: { records: [act('payout', 4.7)] },
      },
      '--b-c|',
      { b: ['final ann 4.5 → payout@5'], c: ['corrected ann 4.5 → payout@4.7'] },
    );
  });

  test('an event that is both does not follow itself', () => {
    play(
      { isFirst: ({ type }) => type === 'payout' },
      'ab|',
      { a: { records: [act('payout', 0)] }, b: { records: [act('payout', 1)] } },
      '-b|',
      { b: ['final ann 0 → payout@1'] },
    );
  });
});

describe('A without B', () => {
  const absent = { kind: 'absent', allowedLatenessMs: 20 * MINUTE } as const;

  test('[C15] absence is told when the watermark passes the deadline, and taken back by a late fact', () => {
    play(
      absent,
      'a-b-c-d-e|',
      {
        a: { records: [act('login', 0), act('login', 1, 'in', 'bob'), act('payout', 2, 'out', 'bob')] },
        b: { records: [act('ping', 10.99)] }, // watermark 9:59.4
        c: { records: [act('ping', 11)] }, // watermark 10
        d: { records: [act('payout', 6)] }, // late, in time for a correction
        e: { records: [act('ping', 40), act('payout', 8)] }, // nothing is left to correct
      },
      '----c-d-e|',
      { c: ['final ann 0'], d: ['tombstone ann 0'], e: ['late 8'] },
    );
  });

  test('[C15] silence passes the deadline too, and what comes after it takes the absence back', () => {
    play(
      absent,
      'a 660s b c|',
      {
        a: { records: [act('login', 0)] },
        b: { idle: ['payments-0'] },
        c: { records: [act('payout', 9)] },
      },
      '- 660s b c|',
      { b: ['final ann 0'], c: ['tombstone ann 0'] },
    );
  });

  test('a late login whose deadline has passed is told at once; later than allowed it is late', () => {
    play(
      absent,
      'abc|',
      {
        a: { records: [act('ping', 29)] }, // watermark 28
        b: { records: [act('login', 17)] },
        c: { records: [act('ping', 31), act('login', 0)] }, // watermark 30 = 0 + 10 + 20
      },
      '-bc|',
      { b: ['final ann 17'], c: ['late 0'] },
    );
  });
});

interface Fact {
  readonly key: string;
  readonly atMs: number;
  readonly isA: boolean;
  readonly isB: boolean;
  readonly delayMs: number;
}

const factsArb: fc.Arbitrary<Fact[]> = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b'),
    atMs: fc.nat(40),
    isA: fc.boolean(),
    isB: fc.boolean(),
    delayMs: fc.nat(25),
  }),
  { maxLength: 20, size: 'max' },
);
const partitions = ['payments-0'];
type Marked = TimedEvent & Pick<Fact, 'isA' | 'isB'>;
const marked = (facts: readonly Fact[]): Marked[] =>
  facts
    .map(({ delayMs, atMs, key, isA, isB }, i) => [
      atMs + delayMs,
      { id: `e${i}`, type: 'x', source: 's', eventTimeMs: atMs, key, isA, isB },
    ])
    .sort(([one], [other]) => Number(one) - Number(other))
    .map(([, event]) => event as Marked);

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });

/** Folds events in entries of these sizes, then silence; through a snapshot after every third entry. */
function run(kind: 'followed' | 'absent', events: readonly Marked[], sizes: readonly number[], lateness: number) {
  const options: SequenceOptions<Marked> = {
    ...{ name: 'p', kind, withinMs: 10, allowedLatenessMs: lateness, keysMax: 10, factsMax: 100 },
    ...{ keyOf: ({ key }) => key, isFirst: ({ isA }) => isA, isSecond: ({ isB }) => isB },
    topics: { windows: 'windows', late: 'late' },
  };
  const entries: LoggedEntry[] = [];
  for (let from = 0, i = 0; from < events.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    entries.push({ clockMs: 1_000, records: events.slice(from, from + size).map((value) => ({ value })) });
    from += size;
  }
  entries.push({ clockMs: 9_000, idle: partitions });
  const log = new EntryLog();
  const decoded = ingest<Marked>({
    decode: (bytes, start, end) => ({
      kind: 'event',
      event: JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as Marked,
    }),
    clockGuard: { maxFutureMs: 1e6, isCreateTimeTrusted: false },
  });
  const timed = watermark<Marked>({ outOfOrdernessMs: 3 });
  let stage = sequence(options);
  const rows = new Map<string, unknown>();
  const outputs: Output[] = [];
  entries.forEach((entry, i) => {
    let batch: StreamBatch<Marked> | undefined;
    of(log.append(entry))
      .pipe(decoded.operator, timed.operator, stage.operator)
      .subscribe((made) => (batch = made));
    for (const output of batch?.outputs ?? []) outputs.push(output);
    if (i % 3 !== 2) return;
    const saved: unknown = packr.unpack(packr.pack(stage.snapshot()));
    stage = sequence(options);
    stage.restore(saved);
  });
  for (const { topic, body } of outputs) {
    const row = body as { state: string; key: string; windowStartMs: number; values: unknown };
    if (topic === 'late') continue;
    const id = `${row.key} ${row.windowStartMs}`;
    expect(row.state).toBe(rows.has(id) ? (row.state === 'tombstone' ? 'tombstone' : 'corrected') : 'final');
    if (row.state === 'tombstone') rows.delete(id);
    else rows.set(id, row.values);
  }
  const late = outputs.filter(({ topic }) => topic === 'late').length;
  return { rows: [...rows].sort(), counters: stage.counters(), late };
}

/** Every A with the earliest B in reach, by looking at all pairs. */
function bruteForce(kind: 'followed' | 'absent', events: readonly Marked[]) {
  const byOrder = (one: Marked, other: Marked) => one.eventTimeMs - other.eventTimeMs || (one.id < other.id ? -1 : 1);
  const rows = new Map<string, unknown>();
  for (const a of events.filter(({ isA }) => isA).sort(byOrder)) {
    if (rows.has(`${a.key} ${a.eventTimeMs}`)) continue;
    const reach = events.filter(
      (b) =>
        b.isB && b !== a && b.key === a.key && b.eventTimeMs >= a.eventTimeMs && b.eventTimeMs < a.eventTimeMs + 10,
    );
    const [b] = reach.sort(byOrder);
    const first = { firstSource: 's', firstId: a.id, firstTimeMs: a.eventTimeMs };
    const second = b && { secondSource: 's', secondId: b.id, secondTimeMs: b.eventTimeMs };
    rows.set(`${a.key} ${a.eventTimeMs}`, { told: (b !== undefined) === (kind === 'followed'), ...first, ...second });
  }
  return [...rows]
    .filter(([, row]) => (row as { told: boolean }).told)
    .map(([id, row]) => [id, { ...(row as object), told: undefined }])
    .sort();
}

describe('laws', () => {
  const sizesArb = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });
  const kindArb = fc.constantFrom('followed', 'absent');

  test('[C15] whatever the order within the allowed lateness, the rows are those of all pairs looked at', () => {
    fc.assert(
      fc.property(kindArb, factsArb, sizesArb, (kind, facts, sizes) => {
        const events = marked(facts);
        const { rows, counters } = run(kind, events, sizes, 30);
        expect(counters).toMatchObject({ folded: events.length, late: 0 });
        expect(rows).toEqual(bruteForce(kind, events));
      }),
      { numRuns: 1_000 },
    );
  });

  test('[C15] how an order is cut into entries changes no row and no count, late facts included', () => {
    fc.assert(
      fc.property(kindArb, factsArb, sizesArb, sizesArb, (kind, facts, one, other) => {
        const events = marked(facts);
        const [a, b] = [run(kind, events, one, 2), run(kind, events, other, 2)];
        const { matched: _a, retracted: _ra, ...countersA } = a.counters;
        const { matched: _b, retracted: _rb, ...countersB } = b.counters;
        expect({ ...a, counters: countersA }).toEqual({ ...b, counters: countersB });
        expect(a.late).toBe(a.counters['late']);
        expect((a.counters['folded'] ?? 0) + (a.counters['late'] ?? 0)).toBe(events.length);
      }),
      { numRuns: 1_000 },
    );
  });
});

test('a new key or fact beyond the limits is refused whole, and room comes back', () => {
  const { operator, counters } = sequence({ ...takeover, keysMax: 1, factsMax: 2 });
  const log = new EntryLog();
  const rejected: string[] = [];
  const decoded = ingest<Act>({
    decode: (bytes, start, end) => ({
      kind: 'event',
      event: JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as Act,
    }),
    clockGuard: { maxFutureMs: 1e9, isCreateTimeTrusted: false },
  });
  const records = [act('login', 0), act('login', 1, 'b', 'bob'), act('payout', 2), act('payout', 3)];
  const later = [act('ping', 30), act('login', 30, 'b2', 'bob')];
  of(log.append({ clockMs: T0 + 1e7, records }), log.append({ clockMs: T0 + 1e7, records: later }))
    .pipe(decoded.operator, watermark<Act>({ outOfOrdernessMs: 0 }).operator, operator)
    .subscribe((batch) => rejected.push(...batch.rejected.map((one) => (one.kind === 'dead' ? one.reason : ''))));
  expect(rejected).toEqual(['state_full', 'state_full']);
  expect(counters()).toMatchObject({ folded: 4, keys: 1, facts: 1 });
});
