import { createMemorySink } from './memory.ts';
import { sinkSuite } from './sink-suite.ts';

interface Row {
  readonly i: number;
  readonly revision: number;
}

sinkSuite('the sink in memory', async () => {
  const sink = createMemorySink<Row>(
    ({ i }) => String(i),
    ({ revision }) => BigInt(revision),
  );
  return {
    sink,
    row: (i, revision = 1) => ({ i, revision }),
    stored: async () => new Map([...sink.rows().values()].map(({ i, revision }) => [i, revision])),
    setDown: async (isDown) => sink.setDown(isDown),
    stop: () => sink.close(),
  };
});
