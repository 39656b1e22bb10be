// Sends the rows of a file to a topic as events, at a multiple of their event time or as fast as the producer takes them. Bad rows
// are reported and counted, never sent. Memory holds a few batches only. Replaying again sends the same events with the same ids:
// inside the dedupe horizon they are duplicates.
import type { OutMessage, Producer } from '../../kafka/contract.ts';
import type { Clock } from '../../telemetry/clock.ts';
import { validateEvent } from '../../events/validate.ts';
import { FileError } from './error.ts';
import { type Mapping, applyMapping, columnsOf } from './mapping.ts';
import { openFile } from './open-file.ts';
import { createPace } from './pace.ts';
import { type BadRow, type FileFormat, readRows } from './rows.ts';
import { createSendWindow } from './send-window.ts';

export interface ReplayOptions {
  readonly file: string;
  readonly format: FileFormat;
  readonly mapping: Mapping;
  readonly topic: string;
  /** Multiple of event time (60: a minute in a second), or `max`. */
  readonly speed: number | 'max';
  /** Rows read at most; all when absent. */
  readonly limit?: number;
  /** Stops at the first bad row with a `FileError` (`row_rejected`). */
  readonly isStrict?: boolean;
  readonly producer: Producer;
  readonly partitionOf: (key: Uint8Array, partitions: number) => number;
  readonly clock: Clock;
  /** Stops after what is in flight. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ReplayProgress) => void;
  readonly onBadRow?: (bad: BadRow) => void;
}

export interface ReplayProgress {
  readonly rows: number;
  readonly sent: number;
  readonly bad: number;
  /** Part of the file that was read, 0 to 1. */
  readonly share: number;
  readonly eventTimeMs: number | null;
}

export interface ReplayResult {
  /** Rows read: `sent + bad`. */
  readonly rows: number;
  /** Events acknowledged by the broker. */
  readonly sent: number;
  readonly bad: number;
  readonly firstEventTimeMs: number | null;
  readonly lastEventTimeMs: number | null;
  readonly elapsedMs: number;
  /** True when the signal stopped it before the end. */
  readonly isStopped: boolean;
}

const progressEveryRows = 1_000;

/** Resolves when every event is acknowledged. Throws a `FileError`, or what the producer throws. */
export async function replayFile(options: ReplayOptions): Promise<ReplayResult> {
  const { file, format, topic, producer, clock, signal, limit = Infinity } = options;
  const startedMs = clock.nowMs();
  const opened = await openFile(file);
  const partitions = await producer.partitionCount(topic);
  const sends = createSendWindow(producer);
  const pace = createPace(options.speed, clock, signal);
  let rows = 0;
  let bad = 0;
  let firstEventTimeMs: number | null = null;
  let lastEventTimeMs: number | null = null;
  const report = () =>
    options.onProgress?.({
      rows,
      sent: sends.sent(),
      bad,
      share: opened.sizeBytes === 0 ? 1 : opened.readBytes() / opened.sizeBytes,
      eventTimeMs: lastEventTimeMs,
    });

  for await (const row of readRows(file, format, opened.content)) {
    if (row.kind === 'header') {
      checkColumns(file, row.columns, options.mapping);
      continue;
    }
    if (rows >= limit || signal?.aborted) break;
    rows += 1;
    const made = row.kind === 'bad' ? row : toMessage(options, partitions, row.line, row.values);
    if (made.kind === 'bad') {
      bad += 1;
      if (options.isStrict) throw rejected(file, made);
      options.onBadRow?.(made);
    } else {
      firstEventTimeMs ??= made.eventTimeMs;
      lastEventTimeMs = made.eventTimeMs;
      if (pace.waitMs(made.eventTimeMs) > 0) {
        await sends.flush();
        report();
        await pace.wait(made.eventTimeMs);
      }
      await sends.add(made.message);
    }
    if (rows % progressEveryRows === 0) report();
  }
  await sends.drain();
  report();
  const isStopped = signal?.aborted ?? false;
  return {
    rows,
    sent: sends.sent(),
    bad,
    firstEventTimeMs,
    lastEventTimeMs,
    elapsedMs: clock.nowMs() - startedMs,
    isStopped,
  };
}

type MadeMessage = { readonly kind: 'message'; readonly message: OutMessage; readonly eventTimeMs: number } | BadRow;

function toMessage(
  { mapping, topic, partitionOf }: ReplayOptions,
  partitions: number,
  line: number,
  values: Readonly<Record<string, unknown>>,
): MadeMessage {
  const row = applyMapping(mapping, values);
  if (row.kind === 'fault') return { kind: 'bad', line, column: row.column, message: row.message };
  const valid = validateEvent(row.input);
  if (valid.kind === 'bad') {
    const [fault = { path: '', message: 'is no event' }] = valid.faults;
    const field = mapping.fields[fault.path.slice(1)];
    const column = (field && columnsOf(field)[0]) ?? null;
    return { kind: 'bad', line, column, message: `${fault.path.slice(1)} ${fault.message}` };
  }
  const key = Buffer.from(valid.key);
  const message = { topic, partition: partitionOf(key, partitions), key, value: valid.value };
  return { kind: 'message', message, eventTimeMs: valid.event.eventTimeMs };
}

function checkColumns(file: string, columns: readonly string[], mapping: Mapping): void {
  const missing = [...new Set(Object.values(mapping.fields).flatMap(columnsOf))].filter(
    (name) => !columns.includes(name),
  );
  if (missing.length === 0) return;
  const message = `${file}: line 1 lacks the columns ${missing.join(', ')} of the mapping; it has ${columns.join(', ')}`;
  throw new FileError('header_wrong', message);
}

const rejected = (file: string, bad: BadRow): FileError => new FileError('row_rejected', `${file}:${badRowText(bad)}`);

/** A bad row for a person: `12: column TX_AMOUNT: is not a number`. */
export const badRowText = ({ line, column, message }: BadRow): string =>
  `${line}: ${column === null ? '' : `column ${column}: `}${message}`;
