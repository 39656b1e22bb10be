import { createHash, randomUUID } from 'node:crypto';
import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { digestOf, sizeOf } from './digest.ts';
import { byNewest, isOfTask, parseSnapshotName, snapshotName, superfluous } from './name.ts';
import { CheckpointError } from './store.ts';
import type { CheckpointStore, SnapshotEntry } from './store.ts';

/** What the store needs of `node:fs/promises`; a simulation hands in a disk that tears. */
export interface Files {
  mkdir(path: string, options: { readonly recursive: true }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  readFile(path: string): Promise<Buffer>;
  stat(path: string): Promise<{ readonly mtimeMs: number }>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  open(path: string, flags: 'r' | 'w'): Promise<OpenFile>;
}

interface OpenFile {
  writeFile(data: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<unknown>;
  stat(): Promise<{ readonly size: number }>;
  close(): Promise<void>;
}

export interface FsStoreOptions {
  /** One folder for all tasks of this host; made when it is missing. */
  readonly folder: string;
  /** Newest snapshots kept of a task. */
  readonly keep: number;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
  /** `node:fs/promises` when absent. */
  readonly files?: Files;
}

/** File: magic (8), SHA-256 of the payload (32), time of saving in ms as float64 (8), payload. */
const magic = Buffer.from('MRSNAP1\n');
const headerBytes = 48;
const suffix = '.snapshot';
const temporary = '.tmp-';
const temporaryAgeMs = 600_000;

/**
 * Snapshots as files of one host. A file appears whole by a rename, after it and then its folder are synced; a damaged one
 * is reported once and read as absent. `save` rejects with a `CheckpointError`, and the files before it stay.
 */
export async function createFsStore(options: FsStoreOptions): Promise<CheckpointStore> {
  const { folder, keep, clock, logger, files = nodeFiles } = options;
  const reported = new Set<string>();
  await files.mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw toCheckpointError(error);
  });
  await removeTemporaries(files, folder, clock.nowMs());

  const list: CheckpointStore['list'] = async (task) => {
    const entries: SnapshotEntry[] = [];
    for (const file of await readFolder(files, folder)) {
      const id = file.endsWith(suffix) ? parseSnapshotName(file.slice(0, -suffix.length)) : null;
      if (!id || !isOfTask(id, task)) continue;
      const header = await readHeader(files, join(folder, file));
      if (header) entries.push({ ...id, name: snapshotName(id), ...header });
    }
    return entries.sort(byNewest);
  };
  const reportOnce = (name: string, why: string): null => {
    if (!reported.has(name)) logger.warn({ snapshot: name, why }, 'snapshot is damaged and is not used');
    reported.add(name);
    return null;
  };

  return {
    list,
    async save(id, pieces) {
      const name = snapshotName(id);
      const sha256 = await digestOf(pieces);
      const savedAtMs = clock.nowMs();
      const header = Buffer.alloc(headerBytes);
      magic.copy(header);
      sha256.copy(header, 8);
      header.writeDoubleLE(savedAtMs, 40);
      try {
        await writeWhole(files, folder, temporary + randomUUID(), name + suffix, [header, ...pieces]);
      } catch (error) {
        throw toCheckpointError(error);
      }
      reported.delete(name);
      for (const old of superfluous(await list(id), keep))
        await files.unlink(join(folder, old.name + suffix)).catch(() => undefined);
      return { ...id, name, sha256: sha256.toString('hex'), sizeBytes: sizeOf(pieces), savedAtMs };
    },
    async load(name) {
      if (!parseSnapshotName(name)) return null;
      let file: Buffer;
      try {
        file = await files.readFile(join(folder, name + suffix));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw toCheckpointError(error);
      }
      if (file.length < headerBytes || !file.subarray(0, 8).equals(magic)) return reportOnce(name, 'no header');
      const payload = file.subarray(headerBytes);
      const isWhole = createHash('sha256').update(payload).digest().equals(file.subarray(8, 40));
      return isWhole ? new Uint8Array(payload) : reportOnce(name, 'its SHA-256 differs');
    },
    close: () => Promise.resolve(),
  };
}

/** Writes beside, syncs, renames, syncs the folder; leaves nothing behind when it fails. */
async function writeWhole(
  files: Files,
  folder: string,
  from: string,
  to: string,
  parts: readonly Uint8Array[],
): Promise<void> {
  const path = join(folder, from);
  try {
    const file = await files.open(path, 'w');
    try {
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(path, join(folder, to));
  } catch (error) {
    await files.unlink(path).catch(() => undefined);
    throw error;
  }
  const directory = await files.open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readFolder(files: Files, folder: string): Promise<string[]> {
  try {
    return await files.readdir(folder);
  } catch (error) {
    throw toCheckpointError(error);
  }
}

/** A file too short for a header is listed too: damaged ones are to be seen. Null when it has gone meanwhile. */
async function readHeader(
  files: Files,
  path: string,
): Promise<Pick<SnapshotEntry, 'sha256' | 'sizeBytes' | 'savedAtMs'> | null> {
  const header = Buffer.alloc(headerBytes);
  try {
    const file = await files.open(path, 'r');
    try {
      await file.read(header, 0, headerBytes, 0);
      const { size } = await file.stat();
      const sizeBytes = Math.max(0, size - headerBytes);
      return { sha256: header.subarray(8, 40).toString('hex'), sizeBytes, savedAtMs: header.readDoubleLE(40) };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw toCheckpointError(error);
  }
}

/** What a crash in the middle of a save left behind. */
async function removeTemporaries(files: Files, folder: string, nowMs: number): Promise<void> {
  for (const file of await readFolder(files, folder)) {
    if (!file.startsWith(temporary)) continue;
    const path = join(folder, file);
    const age = await files.stat(path).catch(() => null);
    if (age && nowMs - age.mtimeMs > temporaryAgeMs) await files.unlink(path).catch(() => undefined);
  }
}

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error ? String(error.code) : null;

function toCheckpointError(error: unknown): CheckpointError {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new CheckpointError('full', 'no room for a snapshot', error);
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return new CheckpointError('not_writable', 'the snapshot folder cannot be written', error);
  return new CheckpointError('unavailable', 'the snapshot folder does not answer', error);
}
