import type { ProducerPosition } from '../../events/results.ts';
import type { RowWriter } from './row-binary.ts';

/**
 * The columns that say what made a row: the last ones of every result table. Pure. Guarantees that two rows of one identity
 * can be told apart by age. Redelivery: the same bytes.
 */
export const producerColumns = 'revision, epoch, shard, order_offset, output_index, entry_id';

/** Writes them and ends the row. */
export function writeProducer(to: RowWriter, revision: string, producer: ProducerPosition): void {
  to.u64(BigInt(revision));
  to.u32(producer.epoch);
  to.u32(producer.shard);
  to.i64(BigInt(producer.orderOffset));
  to.u32(producer.index);
  to.text(producer.entryId);
  to.endRow();
}
