import { afterAll, beforeAll } from 'vitest';
import { MemoryPool } from './memory-pool.ts';

/** In the tests of a file, memory that is given back is overwritten at once: whoever still needs it reads or sends something else. */
export function poisonsReleasedMemory(): void {
  const { give } = MemoryPool.prototype;
  beforeAll(() => {
    MemoryPool.prototype.give = function (this: MemoryPool, memory: Buffer) {
      give.call(this, memory.fill(0xdd));
    };
  });
  afterAll(() => void (MemoryPool.prototype.give = give));
}
