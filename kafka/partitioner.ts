/**
 * The partition of a keyed message, as Java's default partitioner chooses it: `toPositive(murmur2(key)) % partitions`.
 * Ours, so that both drivers and other languages' producers agree. `partitions` ≥ 1.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Murmur2 with Kafka's seed, as a signed 32-bit integer (org.apache.kafka.common.utils.Utils.murmur2). */
export function murmur2(key: Uint8Array): number {
  const m = 0x5bd1e995;
  const blocks = key.length >> 2;
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  let hash = 0x9747b28c ^ key.length;
  for (let i = 0; i < blocks; i++) {
    let k = Math.imul(view.getInt32(4 * i, true), m);
    k = Math.imul(k ^ (k >>> 24), m);
    hash = Math.imul(hash, m) ^ k;
  }
  const tail = 4 * blocks;
  const rest = key.length - tail;
  if (rest === 3) hash ^= view.getUint8(tail + 2) << 16;
  if (rest >= 2) hash ^= view.getUint8(tail + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ view.getUint8(tail), m);
  hash = Math.imul(hash ^ (hash >>> 13), m);
  return hash ^ (hash >>> 15);
}
