import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readEmbeddedAddress, writeEmbeddedAddress } from './embedded-address.ts';

it('gives the address of a running embedded broker, and none once it is gone', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-address-'));
  const address = { brokers: '127.0.0.1:1', gate: '127.0.0.1:2', pid: process.pid };
  expect(readEmbeddedAddress(dataDir)).toBeNull();
  const remove = writeEmbeddedAddress(dataDir, address);
  expect(readEmbeddedAddress(dataDir)).toEqual(address);
  writeEmbeddedAddress(dataDir, { ...address, pid: 2 ** 22 + 1 });
  expect(readEmbeddedAddress(dataDir)).toBeNull();
  remove();
  rmSync(dataDir, { recursive: true });
});
