import type { Bundle } from './config-bundle.ts';

/** One option or rule's field that is not the same; undefined: not there. */
export interface BundleDifference {
  /** e.g. `config.server.port`, `rules.card-testing.weight`. */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What is not the same, in the order of the files. Lists are compared as a whole. */
export function diffBundles(before: Bundle, after: Bundle): readonly BundleDifference[] {
  return differences(before, after, '');
}

/** `~ config.server.port: 8080 -> 9090`, `+ rules.mine: {…}`, `- rules.old: {…}`. */
export function diffLine({ path, before, after }: BundleDifference): string {
  if (before === undefined) return `+ ${path}: ${JSON.stringify(after)}`;
  if (after === undefined) return `- ${path}: ${JSON.stringify(before)}`;
  return `~ ${path}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
}

function differences(before: unknown, after: unknown, path: string): readonly BundleDifference[] {
  if (isBlock(before) && isBlock(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name) => differences(before[name], after[name], path === '' ? name : `${path}.${name}`));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, before, after }];
}

const isBlock = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
