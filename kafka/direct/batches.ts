import { crc32c } from '@node-rs/crc32';
import type { AbortedTransaction } from './wire.ts';

/** A record batch of the log (format v2) as its 61-byte header tells it; its records are still as they came. */
export interface LogBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Records in it, as its producer said. */
  readonly count: number;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number;
  readonly isAppendTime: boolean;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  /** [start, end) of its records. */
  readonly start: number;
  readonly end: number;
}

export interface ScannedBatches {
  /** Those with records to give, in order: neither control batches nor those of aborted transactions. */
  readonly batches: readonly LogBatch[];
  /** Where to fetch next: after the last whole batch; the asked offset when there was none. */
  readonly fetchOffset: number;
}

/** A batch that cannot be read: broken bytes or a format from before 2017. */
export class BatchError extends Error {}

const headerBytes = 61;
const offsetAndLength = 12;

/**
 * Looks at the headers of the batches in `bytes[start, end)`, of which the last may be cut off. `fromOffset`: batches that end
 * before it are skipped. Throws a `BatchError` where a checksum (when asked for) or the format is wrong.
 */
export function scanBatches(
  bytes: Buffer,
  {
    start,
    end,
    aborted,
  }: { readonly start: number; readonly end: number; readonly aborted: readonly AbortedTransaction[] },
  options: { readonly fromOffset: number; readonly checksCrc: boolean },
): ScannedBatches {
  const batches: LogBatch[] = [];
  let fetchOffset = options.fromOffset;
  const hidden = new AbortedProducers(aborted);
  for (let at = start; at + headerBytes <= end;) {
    const baseOffset = Number(bytes.readBigInt64BE(at));
    const next = at + offsetAndLength + bytes.readInt32BE(at + 8);
    if (next > end) break;
    if (bytes[at + 16] !== 2)
      throw new BatchError(`record format v${bytes[at + 16]} at offset ${baseOffset}: v2 is read`);
    if (next < at + headerBytes) throw new BatchError(`a batch at offset ${baseOffset} is shorter than its header`);
    if (options.checksCrc && crc32c(bytes.subarray(at + 21, next)) !== bytes.readUInt32BE(at + 17))
      throw new BatchError(`the checksum of the batch at offset ${baseOffset} is wrong`);
    const attributes = bytes.readInt16BE(at + 21);
    const lastOffset = baseOffset + bytes.readInt32BE(at + 23);
    const isHidden = hidden.hides(bytes, at, { attributes, lastOffset });
    if (!isHidden && lastOffset >= options.fromOffset)
      batches.push({
        baseOffset,
        lastOffset,
        count: bytes.readInt32BE(at + 57),
        codec: attributes & 7,
        isAppendTime: (attributes & 8) !== 0,
        baseTimestampMs: Number(bytes.readBigInt64BE(at + 27)),
        maxTimestampMs: Number(bytes.readBigInt64BE(at + 35)),
        start: at + headerBytes,
        end: next,
      });
    fetchOffset = Math.max(fetchOffset, lastOffset + 1);
    at = next;
  }
  return { batches, fetchOffset };
}

const isTransactional = 0x10;
const isControl = 0x20;
/** Of a control record's key: the version, then what it says: 0 abort, 1 commit. */
const abortMarker = 0;

/** Which batches a committed reader must not see, by the transactions that the broker says were aborted. */
class AbortedProducers {
  /** By first offset. */
  readonly #coming: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#coming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** Control batches are hidden as well. Batches must come in order. */
  hides(bytes: Buffer, at: number, batch: { readonly attributes: number; readonly lastOffset: number }): boolean {
    const { attributes, lastOffset } = batch;
    if (this.#coming.length === 0 && this.#aborting.size === 0) return (attributes & isControl) !== 0;
    while ((this.#coming[0]?.firstOffset ?? Infinity) <= lastOffset)
      this.#aborting.add((this.#coming.shift() as AbortedTransaction).producerId);
    const producerId = bytes.readBigInt64BE(at + 43);
    if ((attributes & isControl) !== 0) {
      if (controlType(bytes, at + headerBytes) === abortMarker) this.#aborting.delete(producerId);
      return true;
    }
    return (attributes & isTransactional) !== 0 && this.#aborting.has(producerId);
  }
}

/** A control record: length, attributes, timestamp, offset, key length (varints), then the key. */
function controlType(bytes: Buffer, start: number): number {
  let at = start;
  const skipVarint = (): void => {
    while ((bytes[at++] ?? 0) & 0x80);
  };
  skipVarint();
  at++;
  for (let fields = 0; fields < 3; fields++) skipVarint();
  return bytes.readInt16BE(at + 2);
}
