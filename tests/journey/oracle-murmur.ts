/**
 * Murmur2 as Kafka's producers use it, written for the oracle from the algorithm (Austin Appleby's MurmurHash2, seed
 * 0x9747b28c) with BigInt: the engine's own is not trusted here.
 */
export function oraclePartition(key: string, partitions: number): number {
  return Number(murmur2(new TextEncoder().encode(key)) & 0x7fffffffn) % partitions;
}

const word = 0xffffffffn;
const m = 0x5bd1e995n;

function murmur2(data: Uint8Array): bigint {
  let hash = 0x9747b28cn ^ BigInt(data.length);
  const whole = data.length - (data.length % 4);
  for (let i = 0; i < whole; i += 4) {
    let k = littleEndian(data.subarray(i, i + 4));
    k = (k * m) & word;
    k ^= k >> 24n;
    k = (k * m) & word;
    hash = ((hash * m) & word) ^ k;
  }
  if (whole < data.length) hash = ((hash ^ littleEndian(data.subarray(whole))) * m) & word;
  hash ^= hash >> 13n;
  hash = (hash * m) & word;
  return hash ^ (hash >> 15n);
}

const littleEndian = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
