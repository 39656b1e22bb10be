import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka';
import { BatchError, type LogBatch } from './batches.ts';
import type { PlainBatches } from './records.ts';

const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const snappy = 2;

/** For messages: `gzip`, … */
export const codecName = (codec: number): string => names[codec] ?? `number ${codec}`;

/** Whether batches of this codec can be read here: zstd only where Node brings it (22.15). */
export const isCodecRead = (codec: number): boolean =>
  codec === 0 || (compressionsAlgorithmsByBitmask[codec]?.available ?? false);

/** The batch with its records decompressed into bytes of their own. Throws a `BatchError` where they are broken. */
export function decompress(bytes: Buffer, batch: LogBatch): PlainBatches {
  const compressed = bytes.subarray(batch.start, batch.end);
  try {
    const plain = batch.codec === snappy ? unsnap(compressed) : inflate(batch.codec, compressed);
    return { bytes: plain, batches: [{ ...batch, start: 0, end: plain.length }] };
  } catch (cause) {
    throw new BatchError(`the ${codecName(batch.codec)} batch at offset ${batch.baseOffset} cannot be decompressed`, {
      cause,
    });
  }
}

function inflate(codec: number, compressed: Buffer): Buffer {
  const algorithm = compressionsAlgorithmsByBitmask[codec];
  if (!algorithm) throw new BatchError(`codec ${codec} is not known`);
  const plain = algorithm.decompressSync(compressed);
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
}

/** Java's snappy frames its blocks (xerial: magic, version, compatible version, then int32 length and block); librdkafka's does not. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const xerialHeaderBytes = 16;

function unsnap(compressed: Buffer): Buffer {
  if (!compressed.subarray(0, xerialMagic.length).equals(xerialMagic)) return inflate(snappy, compressed);
  const blocks: Buffer[] = [];
  for (let at = xerialHeaderBytes; at < compressed.length;) {
    const length = compressed.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > compressed.length) throw new BatchError('a block of snappy is cut off');
    blocks.push(inflate(snappy, compressed.subarray(at, at + length)));
    at += length;
  }
  return Buffer.concat(blocks);
}
