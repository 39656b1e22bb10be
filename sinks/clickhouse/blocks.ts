import { createRowBuffer, type RowBuffer } from './row-binary.ts';
import {
  writeArchiveRow,
  writeDeadLetter,
  writeLate,
  writeQuarantined,
  writeWindow,
  type TableName,
} from './tables.ts';
import { createDirectRows, type DirectRows } from './direct-rows.ts';
import { eachArchiveRow, type ArchiveRow } from './archive-rows.ts';
import { readResult } from './result-records.ts';
import { writeAlert, writeDecision, writeDelivery, writeEndpointNote } from './decision-rows.ts';
import { writeForecastBand, writeForecastScore, writePrediction, writeRecommendationList } from './insight-rows.ts';
import type { StoredResult } from './result-checks.ts';
import type { RecordBatch } from '../../sources/source.ts';

/**
 * Collects rows for the next inserts, one buffer per table.
 * Guarantees that every record taken becomes exactly one row, in `sink_rejects` when it is not what its topic promises.
 * Redelivery: the same rows again.
 */
/** `read-result`: a result that a task reads: stored as a row, and archived so that the task can be rebuilt. */
export type TopicKind = 'input' | 'order' | 'result' | 'read-result';

export interface Gap {
  readonly topic: string;
  readonly partition: number;
  readonly fromOffset: bigint;
  readonly toOffset: bigint;
}

/** How many results became rows, copied from their bytes or by parsing. */
export interface Ways {
  direct: number;
  parsed: number;
}

export interface Blocks {
  /** Adds the batch's records; gives the offset of the last one (or `previousOffset`). */
  add(batch: RecordBatch, kind: TopicKind, previousOffset: bigint): bigint;
  addGap(gap: Gap): void;
  rows(): number;
  bytes(): number;
  /** Tables that have rows. */
  filled(): readonly (readonly [TableName, RowBuffer])[];
  /** Results that became rows, by topic. */
  made(): readonly (readonly [topic: string, ways: Readonly<Ways>])[];
  reset(): void;
}

/** Empty blocks. `onReject` hears of each record that went to `sink_rejects`. */
export function createBlocks(epoch: number, onReject: (topic: string, reason: string) => void): Blocks {
  const buffers = new Map<TableName, RowBuffer>();
  const bufferOf = (table: TableName): RowBuffer => {
    const found = buffers.get(table) ?? createRowBuffer();
    buffers.set(table, found);
    return found;
  };
  const topics = new Map<string, Ways & { readonly rows: DirectRows }>();
  const takeResult = (row: ArchiveRow): void => {
    const topic = topics.get(row.topic) ?? { rows: createDirectRows(bufferOf), direct: 0, parsed: 0 };
    topics.set(row.topic, topic);
    if (row.valueStart >= 0 && topic.rows.write(row.bytes, row.valueStart, row.valueEnd)) {
      topic.direct++;
      return;
    }
    const value = row.valueStart < 0 ? null : row.bytes.subarray(row.valueStart, row.valueEnd);
    const read = readResult(value);
    if (read.kind === 'result') {
      writeResult(bufferOf, read.result);
      topic.parsed++;
      return topic.rows.learn(read.result.kind, row.bytes, row.valueStart, row.valueEnd);
    }
    onReject(row.topic, read.reason);
    const rejects = bufferOf('sink_rejects');
    writePlace(rejects, row, epoch, row.recordOffset);
    rejects.text(read.reason);
    rejects.bytes(row.bytes, Math.max(row.valueStart, 0), Math.max(row.valueEnd, 0));
    rejects.endRow();
  };
  return {
    add: (batch, kind, previousOffset) => {
      if (kind === 'result') return eachArchiveRow(batch, epoch, previousOffset, takeResult);
      const buffer = bufferOf(kind === 'order' ? 'order_log' : 'events');
      return eachArchiveRow(batch, epoch, previousOffset, (row) => {
        writeArchiveRow(buffer, row);
        if (kind === 'read-result') takeResult(row);
      });
    },
    addGap: (gap) => {
      const gaps = bufferOf('archive_gaps');
      writePlace(gaps, gap, epoch, gap.fromOffset);
      gaps.i64(gap.toOffset);
      gaps.endRow();
    },
    rows: () => sum(buffers, (buffer) => buffer.rows),
    bytes: () => sum(buffers, (buffer) => buffer.size()),
    filled: () => [...buffers].filter(([, buffer]) => buffer.rows > 0),
    made: () => [...topics],
    reset: () => {
      for (const buffer of buffers.values()) buffer.reset();
      for (const topic of topics.values()) topic.direct = topic.parsed = 0;
    },
  };
}

/** `topic, epoch, partition, offset` of gaps and rejects. */
function writePlace(to: RowBuffer, place: { topic: string; partition: number }, epoch: number, offset: bigint): void {
  to.text(place.topic);
  to.u32(epoch);
  to.i32(place.partition);
  to.i64(offset);
}

/** A result as a row of its table. */
export function writeResult(bufferOf: (table: TableName) => RowBuffer, result: StoredResult): void {
  switch (result.kind) {
    case 'window':
      return writeWindow(bufferOf('window_results'), result);
    case 'dead-letter':
      return writeDeadLetter(bufferOf('dead_letters'), result);
    case 'quarantined':
      return writeQuarantined(bufferOf('quarantined'), result);
    case 'late':
      return writeLate(bufferOf('late_records'), result);
    case 'decision':
      return writeDecision(bufferOf('decisions'), result);
    case 'alert':
      return writeAlert(bufferOf('alerts'), result);
    case 'delivery':
      return writeDelivery(bufferOf('deliveries'), result);
    case 'endpoint-note':
      return writeEndpointNote(bufferOf('endpoint_notes'), result);
    case 'recommendation-list':
      return writeRecommendationList(bufferOf('recommendation_lists'), result);
    case 'prediction':
      return writePrediction(bufferOf('predictions'), result);
    case 'forecast-band':
      return writeForecastBand(bufferOf('forecast_bands'), result);
    case 'forecast-score':
      return writeForecastScore(bufferOf('forecast_scores'), result);
  }
}

function sum(buffers: ReadonlyMap<TableName, RowBuffer>, of: (buffer: RowBuffer) => number): number {
  let total = 0;
  for (const buffer of buffers.values()) total += of(buffer);
  return total;
}
