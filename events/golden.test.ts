import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { catalog } from './catalog.ts';
import { decodeEvent } from './decode.ts';

interface Golden {
  readonly event: Record<string, unknown>;
  readonly newest: Record<string, unknown>;
}

const folder = new URL('./golden/', import.meta.url);
const read = (name: string): Golden[] => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Golden[];
const decode = (event: object) => {
  const bytes = new TextEncoder().encode(JSON.stringify(event));
  return decodeEvent(bytes, 0, bytes.length);
};

const versions = [...catalog.values()].flatMap((type) =>
  type.versions.map(({ version }) => ({ type, version, file: `${type.type}.v${version}.json` })),
);

describe('golden samples', () => {
  for (const { type, version, file } of versions)
    it(`[B2] ${file} exists and every sample in it still becomes version ${type.newestVersion}`, () => {
      const samples = read(file);
      expect(samples.length).toBeGreaterThan(0);
      for (const { event, newest } of samples) {
        expect(event['version']).toBe(version);
        expect(newest['version']).toBe(type.newestVersion);
        // Law 6: upcast then decode equals decoding the newest.
        expect(decode(event)).toEqual({ kind: 'event', event: newest });
        expect(decode(newest)).toEqual({ kind: 'event', event: newest });
      }
    });

  it('[B2] no sample is of a version that the catalog forgot', () => {
    expect(readdirSync(folder).toSorted()).toEqual(versions.map(({ file }) => file).toSorted());
  });
});
