import { createHash } from 'node:crypto';
import { Packr } from 'msgpackr';
import type { JudgeState } from './judge.ts';

/** Raised when a released version could not read what this one writes. */
export const snapshotCodec = 1;

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

/** The same state gives the same bytes: no wall clock goes in. */
export function encodeSnapshot(snapshot: TaskSnapshot): Uint8Array {
  return new Uint8Array(packr.pack(snapshot));
}

/** Null when the bytes are of another codec or none of ours. */
export function decodeSnapshot(bytes: Uint8Array): TaskSnapshot | null {
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('codec' in value) || value.codec !== snapshotCodec) return null;
  return value as TaskSnapshot;
}

/** Hex, as snapshot stores and genesis records carry it. */
export const sha256Hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
