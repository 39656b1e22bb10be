import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How another command of this machine reaches the embedded broker that `millrace start` runs. */
export interface EmbeddedAddress {
  readonly brokers: string;
  readonly gate: string;
  /** The process that runs it. */
  readonly pid: number;
}

const fileOf = (dataDir: string): string => join(dataDir, 'embedded-broker.json');

/** Leaves the address in the data folder; returns how to take it away again. */
export function writeEmbeddedAddress(dataDir: string, address: EmbeddedAddress): () => void {
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(fileOf(dataDir), `${JSON.stringify(address)}\n`);
  return () => rmSync(fileOf(dataDir), { force: true });
}

/** The address of an embedded broker that runs now; null when there is none, or its process is gone. */
export function readEmbeddedAddress(dataDir: string): EmbeddedAddress | null {
  try {
    const address = JSON.parse(readFileSync(fileOf(dataDir), 'utf8')) as EmbeddedAddress;
    process.kill(address.pid, 0);
    return address;
  } catch {
    return null;
  }
}
