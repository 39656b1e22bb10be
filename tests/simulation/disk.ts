import type { Files } from '../../checkpoints/fs.ts';
import type { Faults } from './broker.ts';
import type { SimProcess } from './virtual-time.ts';

interface SimFile {
  bytes: Buffer;
  /** How much of it survives when the power goes; what comes later may be anything. */
  durable: Buffer;
}

/** A disk that several processes have, with a page cache: what was not synced is gone, or torn, when the power goes. */
export interface SimDisk {
  /** The disk as one process sees it; a call takes a moment, and nothing of it happens after a crash. */
  files(process: SimProcess, faults?: Faults): Files;
  /** Everything that was not synced is lost or torn. Gives how many files were torn. */
  powerCut(): number;
  /** Flips a bit of a snapshot that is there, or cuts it. */
  rot(): 'rot' | 'disk_torn' | null;
}

const errno = (code: string): Error => Object.assign(new Error(code), { code });
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

export function createSimDisk(faults: Faults): SimDisk {
  let now = new Map<string, SimFile>();
  let durable = new Map<string, SimFile>();
  const { random } = faults;
  const powerCut = (): number => {
    const torn = [...now.values()].filter((file) => file.durable.length !== file.bytes.length).length;
    // A directory entry that was not synced may have made it all the same.
    for (const [name, file] of now) if (!durable.has(name) && random() < 0.5) durable.set(name, file);
    for (const file of durable.values()) {
      if (file.durable.length === file.bytes.length) continue;
      const kept = Math.floor(random() * (file.bytes.length + 1));
      file.bytes = file.durable = Buffer.from(file.bytes.subarray(0, kept));
    }
    now = new Map(durable);
    return torn;
  };
  return {
    files: (process, own = faults) =>
      filesOf(
        () => now,
        () => void (durable = new Map(now)),
        process,
        own,
      ),
    powerCut,
    rot() {
      const found = [...now].filter(([name]) => name.endsWith('.snapshot'));
      const file = found[Math.floor(random() * found.length)]?.[1];
      if (!file || file.bytes.length === 0) return null;
      const bytes = Buffer.from(file.bytes);
      const at = Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      const isCut = random() < 0.5;
      file.bytes = file.durable = isCut ? bytes.subarray(0, at) : bytes;
      return isCut ? 'disk_torn' : 'rot';
    },
  };
}

function filesOf(now: () => Map<string, SimFile>, syncFolder: () => void, process: SimProcess, faults: Faults): Files {
  const later = <T>(value: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      process.after(faults.random() * 3, () => {
        try {
          resolve(value());
        } catch (error) {
          reject(error as Error); // only `errno` throws
        }
      });
    });
  const find = (path: string): SimFile => {
    const file = now().get(nameOf(path));
    if (!file) throw errno('ENOENT');
    return file;
  };
  const write = (file: SimFile, data: Uint8Array): void => {
    const isFull = faults.isOn() && faults.random() < 0.05;
    const part = isFull ? data.subarray(0, Math.floor(faults.random() * data.length)) : data;
    file.bytes = Buffer.concat([file.bytes, part]);
    if (!isFull) return;
    faults.count('disk_full');
    throw errno('ENOSPC');
  };
  return {
    mkdir: () => Promise.resolve(),
    readdir: () => later(() => [...now().keys()]),
    readFile: (path) => later(() => Buffer.from(find(path).bytes)),
    stat: (path) => later(() => find(path) && { mtimeMs: process.clock.nowMs() }),
    unlink: (path) => later(() => void now().delete(nameOf(path))),
    rename: (from, to) =>
      later(() => {
        now().set(nameOf(to), find(from));
        now().delete(nameOf(from));
      }),
    open: (path, flags) =>
      later(() => {
        if (flags === 'w') now().set(nameOf(path), { bytes: Buffer.alloc(0), durable: Buffer.alloc(0) });
        const isFolder = flags === 'r' && !path.endsWith('.snapshot');
        const file = isFolder ? null : find(path);
        return {
          writeFile: (data) => later(() => file && write(file, data)).then(() => undefined),
          sync: () => later(() => (file ? void (file.durable = file.bytes) : syncFolder())),
          read: (buffer) => later(() => void file?.bytes.copy(buffer)),
          stat: () => later(() => ({ size: file?.bytes.length ?? 0 })),
          close: () => later(() => undefined),
        };
      }),
  };
}
