// Whole numbers in a row, for snapshots: typed arrays are taken into one and out of it as they are, where millions of small arrays take
// seconds. Guarantees: the same numbers give the same array. Redelivery: no state.

import { roomFor } from '../../streams/room-for.ts';

/** −2³¹ to 2³¹−1 take half the room of others. */
export type CellArray = Int32Array | Float64Array;

export class Cells {
  private cells: CellArray = new Int32Array(1_024);
  private at = 0;

  put(value: number): void {
    this.cells = roomFor(this.cells, this.at + 1);
    if (this.cells instanceof Int32Array && value !== (value | 0)) this.cells = Float64Array.from(this.cells);
    this.cells[this.at++] = value;
  }

  /** What was put so far. */
  taken(): CellArray {
    return this.cells.slice(0, this.at);
  }
}
