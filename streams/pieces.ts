// Snapshots in pieces: states of several parts as one, and back; arrays and lists cut into pieces.
// Guarantees: the same state gives the same pieces, whenever they are asked for; what is put together is taken apart as it was.
// Redelivery: no state of its own.
import { Packr } from 'msgpackr';
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';

/** What has a state: in slices where it can begin one, else at once. */
export interface Part {
  snapshot(): unknown;
  restore(state: unknown): void;
  /** See `Fold`. */
  beginSnapshot?(pieceBytes: number): BegunSnapshot;
}

type Parts = Readonly<Record<string, Part>>;

/** A text, for the size of a piece. */
const textBytes = 96;

/** The state of all parts, by name. */
export function beginParts(parts: Parts, pieceBytes: number): BegunSnapshot {
  const begun = Object.entries(parts).map(([name, part]) => [name, beginPart(part, pieceBytes)] as const);
  return joined(Object.fromEntries(begun));
}

const beginPart = (part: Part, pieceBytes: number): BegunSnapshot =>
  part.beginSnapshot?.(pieceBytes) ?? beginPlain(part.snapshot());

export function restoreParts(parts: Parts, state: unknown): void {
  const saved = split(state as SlicedState);
  for (const [name, part] of Object.entries(parts)) {
    const one = saved[name] as SlicedState;
    part.restore(part.beginSnapshot ? one : one.head);
  }
}

/** As one, by name: the pieces in order, then one that says how many each has. */
export function joined(parts: Readonly<Record<string, BegunSnapshot>>): BegunSnapshot {
  const begun = Object.values(parts);
  const counts = new Uint32Array(begun.length);
  let at = 0;
  return {
    head: Object.fromEntries(Object.entries(parts).map(([name, { head }]) => [name, head])),
    next() {
      for (; at < begun.length; at++) {
        const piece = begun[at]?.next();
        if (!piece) continue;
        counts[at] = (counts[at] as number) + 1;
        return piece;
      }
      return at++ === begun.length ? bytesOf(counts) : null;
    },
  };
}

export function split({ head, pieces }: SlicedState): Readonly<Record<string, SlicedState>> {
  const last = pieces.at(-1) as Uint8Array;
  const counts = new Uint32Array(bufferOf([last]));
  let at = 0;
  return Object.fromEntries(
    Object.entries(head as Readonly<Record<string, unknown>>).map(([name, ofPart], i) => {
      const from = at;
      at += counts[i] as number;
      return [name, { head: ofPart, pieces: pieces.slice(from, at) }];
    }),
  );
}

/** All of it now. */
export function atOnce({ head, next }: BegunSnapshot): SlicedState {
  const pieces: Uint8Array[] = [];
  for (let piece = next(); piece; piece = next()) pieces.push(piece);
  return { head, pieces };
}

/** What is small enough to be taken at once. */
export const beginPlain = (head: unknown): BegunSnapshot => ({ head, next: () => null });

/** An array that nobody changes any more. */
export function beginNumbers(numbers: Int32Array | Float64Array, pieceBytes: number): BegunSnapshot {
  const bytes = bytesOf(numbers);
  let at = 0;
  return {
    head: null,
    next() {
      if (at >= bytes.length) return null;
      at += pieceBytes;
      return bytes.subarray(at - pieceBytes, at);
    },
  };
}

/** For a typed array over them: the bytes of all pieces, on a border of their own. */
export function bufferOf(pieces: readonly Uint8Array[]): ArrayBuffer {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes.buffer;
}

/** Values that nobody changes any more; packed so many at a time. */
export function beginValues(values: readonly unknown[], perPiece: number): BegunSnapshot {
  let at = 0;
  return {
    head: null,
    next() {
      if (at >= values.length) return null;
      at += perPiece;
      return packed(values.slice(at - perPiece, at));
    },
  };
}

/** Texts as values: to pack one takes longer than numbers of as many bytes. */
export const beginTexts = (texts: readonly string[], pieceBytes: number): BegunSnapshot =>
  beginValues(texts, Math.ceil(pieceBytes / textBytes));

export const valuesOf = <T>({ pieces }: SlicedState): T[] => pieces.flatMap((piece) => unpacked(piece) as T[]);

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });

/** Plain values, Maps, Sets, typed arrays and bigints as bytes; the same values, the same bytes. */
export const packed = (value: unknown): Uint8Array => new Uint8Array(packr.pack(value));
export const unpacked = (bytes: Uint8Array): unknown => packr.unpack(bytes);

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
