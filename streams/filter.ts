import type { StreamBatch, StreamRecord } from './batch.ts';

/**
 * The batch without the records that `keeps` refuses, their watermarks with them. Order stays; `keeps` is called once a
 * record, in order. The same batch comes back when all are kept, which is the usual case and costs no copy.
 */
export function filterBatch<E>(batch: StreamBatch<E>, keeps: (record: StreamRecord<E>) => boolean): StreamBatch<E> {
  const { records } = batch;
  const firstRefused = records.findIndex((record) => !keeps(record));
  if (firstRefused < 0) return batch;
  const kept = records.slice(0, firstRefused);
  const watermarkMs = batch.watermarkMs.slice();
  for (let i = firstRefused + 1; i < records.length; i++) {
    const record = records[i] as StreamRecord<E>;
    if (!keeps(record)) continue;
    watermarkMs[kept.length] = watermarkMs[i] as number;
    kept.push(record);
  }
  return { ...batch, records: kept, watermarkMs: watermarkMs.subarray(0, kept.length) };
}
