import type { RowWriter } from './row-binary.ts';
import type { ArchiveRow } from './archive-rows.ts';
import type { DeadLetter, LateRecord, Quarantined, WindowResult } from '../../events/results.ts';
import { decisionTables } from './decision-rows.ts';
import { insightTables } from './insight-rows.ts';
import { producerColumns, writeProducer } from './producer-columns.ts';

/**
 * Which columns the sink fills in each table and how, in the order of the migrations. Pure: a row of a table as RowBinary.
 * Guarantees that names and values stand in one file, side by side.
 * Redelivery: the same record gives the same bytes.
 */
export type TableName =
  | 'events'
  | 'order_log'
  | 'archive_gaps'
  | 'sink_rejects'
  | 'window_results'
  | 'dead_letters'
  | 'quarantined'
  | 'late_records'
  | keyof typeof decisionTables
  | keyof typeof insightTables;

const archiveColumns =
  'topic, epoch, partition, offset, previous_offset, timestamp, timestamp_type, key, value, headers';

/** The columns that the sink sends; the rest have defaults. */
export const columnsOf: Readonly<Record<TableName, string>> = {
  events: archiveColumns,
  order_log: archiveColumns,
  archive_gaps: 'topic, epoch, partition, from_offset, to_offset',
  sink_rejects: 'topic, epoch, partition, offset, reason, bytes',
  window_results: `pipeline, version, output, key, window_start, window_end, state, complete, watermark, clock, \`values\`, ${producerColumns}`,
  dead_letters: `pipeline, version, topic, partition, offset, timestamp, reason, message, field_path, source, key, value, ${producerColumns}`,
  quarantined: `pipeline, version, topic, partition, offset, timestamp, event_type, event_version, newest_known_version, key, value, ${producerColumns}`,
  late_records: `pipeline, version, output, key, window_start, window_end, event_id, source, event_time, watermark, late_by_ms, would_add, topic, partition, offset, timestamp, ${producerColumns}`,
  ...decisionTables,
  ...insightTables,
};

export function writeArchiveRow(to: RowWriter, row: ArchiveRow): void {
  to.text(row.topic);
  to.u32(row.epoch);
  to.i32(row.partition);
  to.i64(row.recordOffset);
  to.i64(row.previousOffset);
  to.timeMs(row.timestampMs);
  to.text(row.timestampType);
  to.nullableBytes(row.bytes, row.keyStart, row.keyEnd);
  to.nullableBytes(row.bytes, row.valueStart, row.valueEnd);
  to.length(row.headers.length);
  for (const [name, value] of row.headers) {
    to.text(name);
    to.bytes(value, 0, value.length);
  }
  to.endRow();
}

export function writeWindow(to: RowWriter, result: WindowResult): void {
  to.text(result.pipeline);
  to.u32(result.version);
  to.text(result.output);
  to.text(result.key);
  to.timeMs(result.windowStartMs);
  to.timeMs(result.windowEndMs);
  to.text(result.state);
  to.u8(result.complete);
  to.nullableTimeMs(finiteOrNull(result.watermarkMs));
  to.timeMs(result.clockMs);
  to.text(JSON.stringify(result.values));
  writeProducer(to, result.revision, result.producer);
}

export function writeDeadLetter(to: RowWriter, result: DeadLetter): void {
  to.text(result.pipeline);
  to.u32(result.version);
  writeInput(to, result);
  to.text(result.reason);
  to.text(result.message);
  to.nullableText(result.fieldPath);
  to.nullableText(result.source);
  writeBase64(to, result.keyBase64);
  writeBase64(to, result.valueBase64);
  writeProducer(to, result.revision, result.producer);
}

export function writeQuarantined(to: RowWriter, result: Quarantined): void {
  to.text(result.pipeline);
  to.u32(result.version);
  writeInput(to, result);
  to.text(result.eventType);
  to.u32(result.eventVersion);
  to.u32(result.newestKnownVersion);
  writeBase64(to, result.keyBase64);
  writeBase64(to, result.valueBase64);
  writeProducer(to, result.revision, result.producer);
}

export function writeLate(to: RowWriter, result: LateRecord): void {
  to.text(result.pipeline);
  to.u32(result.version);
  to.text(result.output);
  to.text(result.key);
  to.timeMs(result.windowStartMs);
  to.timeMs(result.windowEndMs);
  to.text(result.eventId);
  to.text(result.source);
  to.timeMs(result.eventTimeMs);
  to.nullableTimeMs(finiteOrNull(result.watermarkMs));
  to.f64(result.lateByMs);
  to.text(JSON.stringify(result.wouldAdd));
  writeInput(to, result);
  writeProducer(to, result.revision, result.producer);
}

function writeInput(to: RowWriter, { input }: DeadLetter | Quarantined | LateRecord): void {
  to.text(input.topic);
  to.i32(input.partition);
  to.i64(BigInt(input.inputOffset));
  to.timeMs(input.timestampMs);
}

function writeBase64(to: RowWriter, base64: string | null): void {
  const bytes = Buffer.from(base64 ?? '', 'base64');
  to.nullableBytes(bytes, base64 === null ? -1 : 0, bytes.length);
}

/** −Infinity, the watermark before anything was read, has no form in JSON: it arrives as null. */
const finiteOrNull = (ms: number | null): number | null => (ms !== null && Number.isSafeInteger(ms) ? ms : null);
