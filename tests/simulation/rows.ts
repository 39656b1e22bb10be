import type { DeadLetter, LateRecord, WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import type { SimBroker } from './broker.ts';
import { textOf } from './oracle-model.ts';
import type { OracleRow } from './oracle-model.ts';
import type { Row } from './row-decoder.ts';

type Result = WindowResult | LateRecord | DeadLetter;

/** A result as it stands on its topic, in the oracle's form. */
function resultText(result: Result): string {
  const { revision, producer } = result;
  switch (result.kind) {
    case 'window':
      return textOf([
        ...[result.output, result.key, result.windowStartMs, result.windowEndMs, result.state, result.complete],
        ...[result.watermarkMs, result.clockMs, JSON.stringify(result.values), revision, producer.entryId],
      ]);
    case 'late':
      return textOf([
        ...[result.output, result.key, result.windowStartMs, result.windowEndMs, result.eventId, result.eventTimeMs],
        ...[result.watermarkMs, result.lateByMs, JSON.stringify(result.wouldAdd)],
        ...[placeOf(result), result.input.inputOffset, revision, producer.entryId],
      ]);
    case 'dead-letter':
      return textOf([
        ...[result.reason, producer.epoch, placeOf(result), result.input.inputOffset, revision, producer.entryId],
      ]);
  }
}

const placeOf = ({ input }: LateRecord | DeadLetter): string => `${input.topic}-${input.partition}`;

/** A row of `*_final`, in the oracle's form. */
export function storedRow(table: OracleRow['table'], row: Row): Omit<OracleRow, 'epoch'> {
  const of = (...names: string[]): unknown[] => names.map((name) => row[name]);
  const place = `${String(row['topic'])}-${String(row['partition'])}`;
  const [output, start, key, epoch, offset] = of('output', 'window_start', 'key', 'epoch', 'offset').map(String);
  switch (table) {
    case 'window_results':
      return {
        table,
        identity: `window ${output} ${start} ${key}`,
        text: textOf([
          ...of('output', 'key', 'window_start', 'window_end', 'state', 'complete', 'watermark', 'clock', 'values'),
          ...of('revision', 'entry_id'),
        ]),
      };
    case 'late_records':
      return {
        table,
        identity: `late ${output} ${start} ${key} ${epoch} ${place} ${offset}`,
        text: textOf([
          ...of('output', 'key', 'window_start', 'window_end', 'event_id', 'event_time', 'watermark', 'late_by_ms'),
          ...[...of('would_add'), place, ...of('offset', 'revision', 'entry_id')],
        ]),
      };
    case 'dead_letters':
      return {
        table,
        identity: `dead ${epoch} ${place} ${offset}`,
        text: textOf([...of('reason', 'epoch'), place, ...of('offset', 'revision', 'entry_id')]),
      };
  }
}

/** Everything on the result topics as a consumer that folds sees it: per partition and producer, the highest position wins and what is not above it is dropped. */
export function consumed(broker: SimBroker, partitions: number): string[] {
  const taken: string[] = [];
  for (const topic of Object.values(resultTopics))
    for (let partition = 0; partition < partitions; partition++) {
      const highest = new Map<number, readonly [epoch: number, orderOffset: number, index: number]>();
      for (const { value } of broker.partition({ topic, partition }).records) {
        const result = JSON.parse(Buffer.from(value ?? []).toString()) as Result;
        const { shard, epoch, orderOffset, index } = result.producer;
        const position = [epoch, Number(orderOffset), index] as const;
        const last = highest.get(shard);
        if (last && !isAfter(position, last)) continue;
        highest.set(shard, position);
        taken.push(resultText(result));
      }
    }
  return taken;
}

type Position = readonly [epoch: number, orderOffset: number, index: number];

const isAfter = (a: Position, b: Position): boolean =>
  a[0] !== b[0] ? a[0] > b[0] : a[1] !== b[1] ? a[1] > b[1] : a[2] > b[2];
