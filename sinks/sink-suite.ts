import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SinkError, type Sink } from './sink.ts';

/** What a sink under test brings along. */
export interface SinkUnderTest<Row> {
  readonly sink: Sink<Row>;
  /** The row of identity `i`, at its first or a later revision. */
  row(i: number, revision?: number): Row;
  /** What a reader sees: identity → revision, one entry per identity that the store shows. */
  stored(): Promise<ReadonlyMap<number, number>>;
  /** Takes the store away and brings it back. */
  setDown(isDown: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** The contract of sink.ts: what every sink and each fake does. */
export function sinkSuite<Row>(name: string, setUp: () => Promise<SinkUnderTest<Row>>): void {
  describe(`${name} is a sink`, () => {
    let under: SinkUnderTest<Row>;
    beforeEach(async () => {
      under = await setUp();
    });
    afterEach(() => under.stop());

    const rows = (from: number, to: number, revision = 1): Row[] =>
      Array.from({ length: to - from }, (_, i) => under.row(from + i, revision));
    const expected = (count: number, revision = 1) =>
      new Map(Array.from({ length: count }, (_, i) => [i, revision] as const));

    test('what is written is there when write resolves', async () => {
      await under.sink.write(rows(0, 50));
      expect(await under.stored()).toEqual(expected(50));
    });

    test('nothing to write is fine', async () => {
      await under.sink.write([]);
      expect(await under.stored()).toEqual(new Map());
    });

    test('[D6] [H2] the same rows again change nothing', async () => {
      await under.sink.write(rows(0, 20));
      await under.sink.write(rows(0, 20));
      await under.sink.write(rows(10, 30));
      expect(await under.stored()).toEqual(expected(30));
    });

    test('[D6] [H2] an acknowledgement that is lost is followed by a repetition that changes nothing', async () => {
      const lossy = losingAcknowledgements(under.sink);
      for (const batch of [rows(0, 10), rows(10, 20), rows(5, 15)]) await untilAcknowledged(lossy, batch);
      expect(lossy.lost).toBeGreaterThan(0);
      expect(await under.stored()).toEqual(expected(20));
    });

    test('[H3] the higher revision stays, whichever came last', async () => {
      await under.sink.write(rows(0, 5, 2));
      await under.sink.write(rows(0, 5, 3));
      await under.sink.write(rows(0, 5, 1));
      expect(await under.stored()).toEqual(expected(5, 3));
    });

    test('a store that is away is a retryable error, and writing goes on when it is back', async () => {
      await under.sink.write(rows(0, 5));
      await under.setDown(true);
      const error = await under.sink.write(rows(5, 10)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(SinkError);
      expect(error).toMatchObject({ code: 'unavailable', retryable: true });
      await under.setDown(false);
      await under.sink.write(rows(5, 10));
      expect(await under.stored()).toEqual(expected(10));
    });
  });
}

/** Every other write is durable and told to have failed. */
function losingAcknowledgements<Row>(sink: Sink<Row>): Sink<Row> & { lost: number } {
  let writes = 0;
  const lossy = {
    ...sink,
    lost: 0,
    write: async (rows: readonly Row[]) => {
      await sink.write(rows);
      writes += 1;
      if (writes % 2 === 0) return;
      lossy.lost += 1;
      throw new SinkError('unavailable', 'timed out after commit');
    },
  };
  return lossy;
}

async function untilAcknowledged<Row>(sink: Sink<Row>, rows: readonly Row[]): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      return await sink.write(rows);
    } catch (error) {
      if (!(error instanceof SinkError) || !error.retryable) throw error;
    }
  }
  throw new Error('never acknowledged');
}
