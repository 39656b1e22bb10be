import { SinkError, type Sink } from './sink.ts';

/**
 * A sink held in memory, by identity and revision: for tests, and the shape of every sink. Guarantees what the contract says;
 * the same identity again at the same or a lower revision changes nothing.
 */
export interface MemorySink<Row> extends Sink<Row> {
  rows(): ReadonlyMap<string, Row>;
  /** While down, writes reject with `unavailable`. */
  setDown(isDown: boolean): void;
}

/** An empty one. */
export function createMemorySink<Row>(
  identityOf: (row: Row) => string,
  revisionOf: (row: Row) => bigint,
): MemorySink<Row> {
  const stored = new Map<string, Row>();
  let isDown = false;
  return {
    name: 'memory',
    rows: () => stored,
    setDown: (value) => (isDown = value),
    write: async (rows) => {
      if (isDown) throw new SinkError('unavailable', 'the memory sink is down');
      for (const row of rows) {
        const older = stored.get(identityOf(row));
        if (older === undefined || revisionOf(older) < revisionOf(row)) stored.set(identityOf(row), row);
      }
    },
    close: async () => {},
  };
}
