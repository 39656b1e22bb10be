import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutMessage, Producer } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { Clock } from '../../telemetry/clock.ts';
import { parseMapping } from './load-mapping.ts';
import { type ReplayOptions, badRowText, replayFile } from './replay.ts';
import type { BadRow } from './rows.ts';

const mapping = parseMapping(
  'm.yaml',
  `event: { type: payment, version: 2 }
fields:
  id: { column: ID }
  source: { constant: test }
  eventTimeMs: { column: AT, time: s }
  key: { column: CARD }
  cardId: { column: CARD }
  amountMinor: { column: AMOUNT, type: integer, scale: 100 }
  currency: { constant: EUR }
`,
);

function fakes() {
  const messages: OutMessage[] = [];
  let nowMs = 0;
  const sleeps: number[] = [];
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: (ms) => {
      sleeps.push(ms);
      nowMs += ms;
      return Promise.resolve();
    },
  };
  const producer: Producer = {
    partitionCount: () => Promise.resolve(4),
    send: (batch) => {
      messages.push(...batch);
      return Promise.resolve(batch.map(({ topic, partition }) => ({ topic, partition, messageOffset: 0n })));
    },
    isGated: () => false,
    pendingMessages: () => 0,
    close: () => Promise.resolve(),
  };
  return { messages, clock, producer, sleeps };
}

describe('replayFile', () => {
  let folder = '';
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'millrace-replay-'))));
  afterAll(() => rm(folder, { recursive: true }));

  const run = async (content: string | Uint8Array, options: Partial<ReplayOptions> = {}) => {
    const file = join(folder, 'rows');
    await writeFile(file, content);
    const parts = fakes();
    const bad: BadRow[] = [];
    const result = await replayFile({
      file,
      format: 'csv',
      mapping,
      topic: 'payments',
      speed: 'max',
      producer: parts.producer,
      clock: parts.clock,
      partitionOf,
      onBadRow: (row) => bad.push(row),
      ...options,
    });
    return { result, bad: bad.map(badRowText), ...parts };
  };
  const rows = (count: number) => Array.from({ length: count }, (_, i) => `${i},${1000 + i},card-${i % 7},1.5`);
  const csv = (...lines: readonly string[]) => ['ID,AT,CARD,AMOUNT', ...lines, ''].join('\n');

  it('sends every row in order, keyed and partitioned as the event says, plain or gzip', async () => {
    for (const content of [csv(...rows(1_700)), gzipSync(csv(...rows(1_700))), `\ufeff${csv(...rows(1_700))}`]) {
      const { result, messages } = await run(content);
      expect(result).toMatchObject({ rows: 1_700, sent: 1_700, bad: 0, firstEventTimeMs: 1_000_000, isStopped: false });
      const events = messages.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as { id: string });
      expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, i) => i));
      expect(messages[3]).toMatchObject({ topic: 'payments', partition: partitionOf(Buffer.from('card-3'), 4) });
      expect(events[0]).toMatchObject({ amountMinor: 150, eventTimeMs: 1_000_000, cardId: 'card-0' });
    }
  });

  it('reads JSON Lines too', async () => {
    const lines = [
      { ID: 1, AT: 1000, CARD: 'c', AMOUNT: 1.5 },
      { ID: 2, AT: 1001, CARD: 'c', AMOUNT: [] },
    ].map((row) => JSON.stringify(row));
    const { result, bad } = await run(`${lines.join('\n')}\nnot json\n\n[1]`, { format: 'jsonl' });
    expect(result).toMatchObject({ rows: 4, sent: 1, bad: 3 });
    expect(bad).toEqual([
      '2: column AMOUNT: is not text or a number',
      '3: is not JSON; write one {...} on each line',
      '5: is not a JSON object; write one {...} on each line',
    ]);
  });

  it('[A4] reports bad rows with line and column, counts them, and sends the others', async () => {
    const { result, bad } = await run(
      csv('1,1000,c,1', '2,1000,c', '3,x,c,1', '4,1000,,1', '5,1000,c,-1', '6,1000,"c"x,1', '7,1000,c,2'),
    );
    expect(result).toMatchObject({ rows: 7, sent: 2, bad: 5 });
    expect(bad).toEqual([
      '3: has 3 fields where the header has 4; is a comma or quote missing?',
      '4: column AT: is not a number',
      '5: column CARD: key must NOT have fewer than 1 characters',
      '6: column AMOUNT: amountMinor must be >= 0',
      '7: is not CSV; a quote inside a quoted field is written twice',
    ]);
  });

  it('reads quoted fields, over several lines too', async () => {
    const { result, messages } = await run(csv('1,1000,"a ""b"", c",1', '2,1000,"two\r\nlines",1', '"3",1000,c,"1"'));
    expect(result).toMatchObject({ rows: 3, sent: 3, bad: 0 });
    expect(messages.map(({ key }) => Buffer.from(key ?? []).toString())).toEqual(['a "b", c', 'two\nlines', 'c']);
  });

  it('stops at the first bad row when strict', async () => {
    await expect(run(csv('1,1000,c,1', '2,1000,c,x'), { isStrict: true })).rejects.toMatchObject({
      code: 'row_rejected',
      message: expect.stringContaining(':3: column AMOUNT: is not a number') as string,
    });
  });

  it('says what is wrong with a file that it cannot read on', async () => {
    await expect(run('A,B\n1,2\n')).rejects.toMatchObject({ code: 'header_wrong' });
    await expect(run('ID,ID\n1,2\n')).rejects.toMatchObject({ code: 'header_wrong' });
    await expect(run(csv('1,1000,"never closed,1'))).rejects.toMatchObject({ code: 'file_damaged' });
    await expect(run(gzipSync(csv(...rows(500))).subarray(0, 200))).rejects.toMatchObject({ code: 'file_damaged' });
    await expect(run('', { file: join(folder, 'absent') })).rejects.toMatchObject({ code: 'file_missing' });
    await expect(run('', { file: folder })).rejects.toMatchObject({ code: 'file_unreadable' });
    expect((await run('')).result).toMatchObject({ rows: 0, sent: 0 });
  });

  it('[C1] keeps event-time speed', async () => {
    const { sleeps, result } = await run(csv('1,1000,c,1', '2,1060,c,1', '3,1060,c,1', '4,1180,c,1'), { speed: 60 });
    expect(sleeps).toEqual([1_000, 2_000]);
    expect(result.elapsedMs).toBe(3_000);
  });

  it('stops at the limit, and at the signal', async () => {
    expect((await run(csv(...rows(1_700)), { limit: 1_001 })).result).toMatchObject({
      rows: 1_001,
      sent: 1_001,
      isStopped: false,
    });
    const stopping = new AbortController();
    const stopped = await run(csv(...rows(5_000)), { signal: stopping.signal, onProgress: () => stopping.abort() });
    expect(stopped.result).toMatchObject({ sent: 1_000, isStopped: true });
  });

  it('fails with what the producer failed with', async () => {
    const producer = { ...fakes().producer, send: () => Promise.reject(new Error('fenced')) };
    await expect(run(csv(...rows(1_700)), { producer })).rejects.toThrow('fenced');
  });
});
