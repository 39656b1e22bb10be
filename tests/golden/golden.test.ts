import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeSnapshot } from '../../tasks/snapshot.ts';
import { corpusEntries, goldenFile, goldenFold, goldenProcessors, outputLine } from './corpus.ts';

/** What to do when one of these is red. */
const help = 'output or state changed: raise the version of the pipeline (before its first release: `npm run golden`)';

const linesOf = (file: string): readonly string[] => readFileSync(goldenFile(file), 'utf8').trimEnd().split('\n');
/** Kept snapshots of any version that this build still says it runs, by pipeline. */
const snapshotsOf = (name: string, version: number): readonly string[] =>
  readdirSync(goldenFile('.')).filter((file) => file.startsWith(`${name}.v${version}.`) && file.endsWith('.snapshot'));

describe('the golden corpus', () => {
  for (const processor of goldenProcessors()) {
    const { name, version } = processor;
    const outputs = `${name}.v${version}.outputs`;

    test(`[C7][D1][J3] ${name} v${version} gives the kept outputs, byte for byte`, () => {
      expect(existsSync(goldenFile(outputs)), `${outputs} is missing: \`npm run golden\``).toBe(true);
      const fold = goldenFold(processor);
      const lines = corpusEntries(processor.inputs).map((entry) => outputLine(fold, entry));
      const [state, ...kept] = linesOf(outputs);
      expect(`state ${fold.stateHash}`, help).toBe(state);
      expect(lines, help).toEqual(kept);
      const made = kept.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
      expect(made).toBeGreaterThan(20);
      const count = (of: string): number => fold.counters()[of] ?? 0;
      const ends = ['folded', 'duplicate', 'late', 'dead', 'quarantined', 'ignored'];
      expect(count('in')).toBeGreaterThan(0);
      expect(
        ends.reduce((sum, end) => sum + count(end), 0),
        'every record is accounted for',
      ).toBe(count('in'));
    });

    test(`[D1] ${name} v${version} goes on from every kept snapshot as if it had never stopped`, () => {
      const files = snapshotsOf(name, version);
      expect(files, help).not.toHaveLength(0);
      for (const file of files) {
        const snapshot = decodeSnapshot(readFileSync(goldenFile(file)));
        const fold = goldenFold(processor);
        expect(snapshot?.stateHash, help).toBe(fold.stateHash);
        fold.restore(snapshot?.fold);
        const from = Number(snapshot?.orderOffset);
        const rest = corpusEntries(processor.inputs).slice(from);
        expect(
          rest.map((entry) => outputLine(fold, entry)),
          help,
        ).toEqual(linesOf(outputs).slice(1 + from));
      }
    });
  }
});
