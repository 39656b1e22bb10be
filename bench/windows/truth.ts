import type { Kafka } from '../../kafka/contract.ts';

/** Of one engine's results against the truth. */
export interface Difference {
  readonly windows: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
}

const SIZE_MS = 10_000;
const closers = '__close';

/** Counts the input again, by nothing but `JSON.parse` and a Map, and holds every engine's results against that. */
export async function compareWindows(
  kafka: Kafka,
  { input, outputs }: { readonly input: string; readonly outputs: readonly string[] },
): Promise<Readonly<Record<string, Difference>>> {
  const truth = new Map<string, { count: number; sum: number }>();
  await eachValue(kafka, input, (event) => {
    const { key, eventTimeMs, amountMinor } = event as { key: string; eventTimeMs: number; amountMinor: number };
    if (key.startsWith(closers)) return;
    const id = `${key} ${eventTimeMs - (eventTimeMs % SIZE_MS)}`;
    const cell = truth.get(id) ?? { count: 0, sum: 0 };
    truth.set(id, cell);
    cell.count += 1;
    cell.sum += amountMinor;
  });
  const differences: Record<string, Difference> = {};
  for (const output of outputs) {
    const seen = new Set<string>();
    let [extra, different] = [0, 0];
    await eachValue(kafka, output, (value) => {
      const { id, count, sum } = rowOf(value as Row);
      if (id.startsWith(closers)) return;
      const expected = truth.get(id);
      if (!expected || seen.has(id)) extra++;
      else if (expected.count !== count || expected.sum !== sum) different++;
      seen.add(id);
    });
    const missing = [...truth.keys()].filter((id) => !seen.has(id)).length;
    differences[output] = { windows: truth.size, missing, extra, different };
  }
  return differences;
}

/** Ours, or another engine's. */
type Row =
  | { readonly key: string; readonly windowStartMs: number; readonly values: { count: number; sumMinor: number } }
  | { readonly key: string; readonly windowStart: number; readonly count: number; readonly sum: number };

function rowOf(row: Row): { readonly id: string; readonly count: number; readonly sum: number } {
  if ('values' in row)
    return { id: `${row.key} ${row.windowStartMs}`, count: row.values.count, sum: row.values.sumMinor };
  return { id: `${row.key} ${row.windowStart}`, count: row.count, sum: row.sum };
}

async function eachValue(kafka: Kafka, topic: string, take: (value: unknown) => void): Promise<void> {
  const reader = await kafka.reader({ queueBytesMax: 4 << 20 });
  const partitions = await reader.partitionCount(topic);
  for (let partition = 0; partition < partitions; partition++) {
    const { endOffset } = await reader.bounds({ topic, partition });
    const stream = reader.read({ topic, partition }, 0n);
    for (let nextOffset = 0n; nextOffset < endOffset;) {
      const batch = await stream.next(2_000);
      // What is left are marks of transactions, which are no records.
      if (batch === null) break;
      const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
      for (let i = 0; i < batch.count; i++)
        take(JSON.parse(bytes.toString('utf8', batch.valueStart[i], batch.valueEnd[i])));
      nextOffset = batch.nextOffset;
    }
    stream.close();
  }
  await reader.close();
}
