// The rows of seen ids in pieces, while more are added behind them. Rows stay where they are until they are swept: only who is forgotten
// must be noted, and whoever sweeps packs what is left first.
// Guarantees: the pieces are those of the moment when they were begun. Redelivery: no state that lasts.
import type { BegunSnapshot } from '../tasks/contract.ts';

/** Four words of each row, and its minute. */
export interface SeenRows {
  readonly hashes: Int32Array;
  readonly minutes: Int32Array;
}

export interface SeenSlicesOptions {
  /** Rows are where this says, until they are swept. */
  readonly rows: () => SeenRows;
  readonly used: number;
  readonly oldestMinute: number;
  readonly pieceBytes: number;
}

/** Numbers of a packed row: the four words and the minute. */
export const packedWidth = 5;
const rowBytes = packedWidth * 4;

export class SeenSlices {
  private options: SeenSlicesOptions | null = null;
  private next = 0;
  /** Minutes of rows that were forgotten since. */
  private forgotten = new Map<number, number>();
  /** Packed before their turn. */
  private ready: Uint8Array[] = [];

  begin(options: SeenSlicesOptions): BegunSnapshot {
    this.options = options;
    this.next = 0;
    this.forgotten = new Map();
    this.ready = [];
    const next = (): Uint8Array | null => {
      if (this.options !== options) throw new Error('another snapshot was begun since');
      return this.ready.shift() ?? this.piece(options);
    };
    return { head: options.oldestMinute, next };
  }

  beforeForget(row: number, minute: number): void {
    if (this.options && row >= this.next && row < this.options.used) this.forgotten.set(row, minute);
  }

  beforeSweep(): void {
    const { options, ready } = this;
    if (options) for (let piece = this.piece(options); piece; piece = this.piece(options)) ready.push(piece);
  }

  private piece({ rows, used, oldestMinute, pieceBytes }: SeenSlicesOptions): Uint8Array | null {
    const { hashes, minutes } = rows();
    const packed = new Int32Array(packedWidth * Math.min(used - this.next, Math.ceil(pieceBytes / rowBytes)));
    let to = 0;
    let row = this.next;
    for (; row < used && to < packed.length; row++) {
      const minute = this.forgotten.get(row) ?? (minutes[row] as number);
      if (minute < oldestMinute) continue;
      for (let word = 0; word < 4; word++) packed[to++] = hashes[row * 4 + word] as number;
      packed[to++] = minute;
    }
    this.next = row;
    return to === 0 ? null : new Uint8Array(packed.buffer, 0, to * 4);
  }
}
