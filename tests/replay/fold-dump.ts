import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createMemorySource } from '../../sources/memory.ts';
import type { MemoryRecord } from '../../sources/memory.ts';
import { foldLogs } from './fold-log.ts';

/** A record of a dump: everything that a fold needs of it. Offsets of a partition rise from 0 without holes. */
export interface DumpRecord {
  readonly topic: string;
  readonly partition: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
}

/** Folds a dump in this Node, whichever it is, in batches of so many records; prints one JSON line. */
const [, , file = '', batchRecords = '1000'] = process.argv;
const memory = createMemorySource({ batchRecordsMax: Number(batchRecords) });
for await (const line of createInterface({ input: createReadStream(file) })) {
  const { topic, partition, timestampMs, key, value } = JSON.parse(line) as DumpRecord;
  const bytes = (text: string | null): Uint8Array | null => (text === null ? null : Buffer.from(text, 'base64'));
  const record: MemoryRecord = { key: bytes(key), value: bytes(value), timestampMs };
  memory.append({ topic, partition }, [record]);
}
const folded = await foldLogs(() => memory.reader());
process.stdout.write(`${JSON.stringify({ node: process.versions.node, ...folded })}\n`);
