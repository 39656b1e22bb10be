/**
 * The partition of a keyed message, as Java's default partitioner chooses it: `toPositive(murmur2(key)) % partitions`.
 * Ours, so that both drivers and other languages' producers agree. `partitions` ≥ 1.
 */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** The same for a key that is text, whose bytes are only made where it is not plain ASCII. */
export function partitionOfText(key: string, partitions: number): number {
  const { length } = key;
  for (let i = 0; i < length; i++) if (key.charCodeAt(i) > 0x7f) return partitionOf(Buffer.from(key), partitions);
  const tail = length & ~3;
  let hash = 0x9747b28c ^ length;
  for (let i = 0; i < tail; i += 4) {
    const low = key.charCodeAt(i) | (key.charCodeAt(i + 1) << 8);
    hash = mixed(hash, low | (key.charCodeAt(i + 2) << 16) | (key.charCodeAt(i + 3) << 24));
  }
  let rest = 0;
  for (let i = length - 1; i >= tail; i--) rest = (rest << 8) | key.charCodeAt(i);
  if (length > tail) hash = Math.imul(hash ^ rest, m);
  return (finished(hash) & 0x7fffffff) % partitions;
}

/** Murmur2 with Kafka's seed, as a signed 32-bit integer (org.apache.kafka.common.utils.Utils.murmur2). */
export function murmur2(key: Uint8Array): number {
  const blocks = key.length >> 2;
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  let hash = 0x9747b28c ^ key.length;
  for (let i = 0; i < blocks; i++) hash = mixed(hash, view.getInt32(4 * i, true));
  const tail = 4 * blocks;
  const rest = key.length - tail;
  if (rest === 3) hash ^= view.getUint8(tail + 2) << 16;
  if (rest >= 2) hash ^= view.getUint8(tail + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ view.getUint8(tail), m);
  return finished(hash);
}

const m = 0x5bd1e995;

function mixed(hash: number, word: number): number {
  const k = Math.imul(word, m);
  return Math.imul(hash, m) ^ Math.imul(k ^ (k >>> 24), m);
}

function finished(hash: number): number {
  const last = Math.imul(hash ^ (hash >>> 13), m);
  return last ^ (last >>> 15);
}
