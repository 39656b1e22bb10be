import { createHash } from 'node:crypto';
import { Packr } from 'msgpackr';
import type { BegunSnapshot, SlicedState } from './contract.ts';
import type { JudgeState } from './judge.ts';

/** Raised when a released version could not read what this one writes. */
export const snapshotCodec = 2;

/** Everything that folding on from an order offset needs. */
export interface TaskSnapshot {
  readonly codec: number;
  readonly pipeline: string;
  readonly version: number;
  readonly stateHash: string;
  readonly shard: number;
  /** Decimal text; every order record before it is folded or ignored. */
  readonly orderOffset: string;
  /** Id of the order record just before `orderOffset`: the snapshot is only valid for a log that has it there. */
  readonly lastRecordId: string;
  readonly judge: JudgeState;
  readonly fold: unknown;
  readonly counters: TaskCounters;
}

/** Totals over the whole log, so they are the same for everyone who folded it. */
export interface TaskCounters {
  readonly entries: number;
  readonly records: number;
  readonly ignored: number;
}

export const noCounters: TaskCounters = { entries: 0, records: 0, ignored: 0 };

/** Maps, Sets, typed arrays and bigints survive; structures are inside the bytes, so any reader can decode them. */
const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });

/** What stands first: the snapshot, of a fold in slices with the head of its state alone. */
interface Head {
  readonly snapshot: TaskSnapshot;
  readonly isSliced: boolean;
}

/** A snapshot on its way to bytes: they are `pieces` one behind the other, once `next` has said that nothing is left. */
export interface Encoding {
  readonly pieces: readonly Uint8Array[];
  /** False: all pieces are there. */
  next(): boolean;
}

/**
 * The head, the pieces of the fold's state, and behind them how long each of these is. The same state gives the same bytes, at once
 * or while folding goes on: no wall clock goes in. `begun`: the fold's state, of which `snapshot` then holds the head.
 */
export function beginEncoding(snapshot: TaskSnapshot, begun: BegunSnapshot | null): Encoding {
  const head: Head = { snapshot, isSliced: begun !== null };
  const pieces: Uint8Array[] = [new Uint8Array(packr.pack(head))];
  let isDone = false;
  return {
    pieces,
    next() {
      if (isDone) return false;
      const piece = begun?.next() ?? null;
      isDone = piece === null;
      pieces.push(piece ?? lengthsOf(pieces));
      return !isDone;
    },
  };
}

/** Of each piece its length, and how many they are. */
function lengthsOf(pieces: readonly Uint8Array[]): Uint8Array {
  const lengths = Buffer.alloc(4 * (pieces.length + 1));
  for (const [i, { length }] of pieces.entries()) lengths.writeUInt32LE(length, 4 * i);
  lengths.writeUInt32LE(pieces.length, 4 * pieces.length);
  return new Uint8Array(lengths);
}

/** All that is left of an encoding, and what was there before it. */
export function whole(encoding: Encoding): Uint8Array {
  while (encoding.next());
  return new Uint8Array(Buffer.concat(encoding.pieces));
}

/** As bytes at once. */
export const encodeSnapshot = (snapshot: TaskSnapshot): Uint8Array => {
  const { fold } = snapshot;
  if (!isSlicedState(fold)) return whole(beginEncoding(snapshot, null));
  let at = 0;
  return whole(
    beginEncoding({ ...snapshot, fold: fold.head }, { head: fold.head, next: () => fold.pieces[at++] ?? null }),
  );
};

const isSlicedState = (state: unknown): state is SlicedState =>
  typeof state === 'object' && state !== null && 'head' in state && 'pieces' in state;

/** Null when the bytes are of another codec or none of ours. Of a fold in slices the pieces share memory with `bytes`. */
export function decodeSnapshot(bytes: Uint8Array): TaskSnapshot | null {
  const [first, ...pieces] = piecesOf(bytes);
  if (!first) return null;
  let head: Partial<Head>;
  try {
    head = packr.unpack(first) as Partial<Head>;
  } catch {
    return null;
  }
  const { snapshot, isSliced } = head;
  if (snapshot?.codec !== snapshotCodec) return null;
  return isSliced ? { ...snapshot, fold: { head: snapshot.fold, pieces } satisfies SlicedState } : snapshot;
}

/** None where the lengths behind them do not fit. */
function piecesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = all.length < 4 ? 0 : all.readUInt32LE(all.length - 4);
  let lengthAt = all.length - 4 * (count + 1);
  if (count === 0 || lengthAt < 0) return [];
  const end = lengthAt;
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (; lengthAt < all.length - 4; lengthAt += 4) {
    const length = all.readUInt32LE(lengthAt);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return at === end ? pieces : [];
}

/** Hex, as snapshot stores and genesis records carry it. */
export const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
