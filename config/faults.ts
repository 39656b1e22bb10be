import type { z } from 'zod';
import { namesInList, type Option } from './options.ts';

/** One thing wrong with the configuration. */
export interface ConfigFault {
  /** `file:line:column`, or the environment variable. */
  readonly where: string;
  /** e.g. `server.port`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong and what to do. Never holds a secret's value. */
  readonly message: string;
}

/** The configuration cannot be used: all faults at once. The program ends with 78. */
export class ConfigError extends Error {
  readonly code = 'config_invalid';
  readonly faults: readonly ConfigFault[];
  constructor(faults: readonly ConfigFault[]) {
    const lines = new Map(faults.toSorted(byPlace).map((fault) => [faultLine(fault), fault]));
    super([...lines.keys()].join('\n'));
    this.name = 'ConfigError';
    this.faults = [...lines.values()];
  }
}

/** A fault before it is known where it stands. */
export interface PathFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** An unknown key stands at its key, all else at its value. */
  readonly isKey?: boolean;
}

/** What a schema issue means to whoever wrote the file. */
export function faultsOfIssue(issue: z.core.$ZodIssue, options: readonly Option[]): readonly PathFault[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: unknownKey(issue.path, key, options),
      isKey: true,
    }));
  const about = options.find(
    (option) => option.path.join('.') === issue.path.filter((part) => typeof part === 'string').join('.'),
  );
  const meaning = about ? ` (${about.description})` : '';
  return [{ path: issue.path, message: `${messageOf(issue)}${meaning}` }];
}

/** The known name nearest to a mistyped one, or null when none is near. */
export function nearest(name: string, known: readonly string[]): string | null {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : null;
}

/** As a reader meets them: by line and column, numerically. */
function byPlace(a: ConfigFault, b: ConfigFault): number {
  return a.where.localeCompare(b.where, 'en', { numeric: true });
}

function faultLine(fault: ConfigFault): string {
  return `${fault.where}${fault.path === '' ? '' : ` ${fault.path}`}: ${fault.message}`;
}

function unknownKey(parent: readonly PropertyKey[], key: string, options: readonly Option[]): string {
  const depth = parent.length;
  const inBlock = options.filter((o) => parent.every((part, i) => o.path[i] === part)).map((o) => o.path[depth] ?? '');
  const siblings = inBlock.length > 0 ? [...new Set(inBlock)] : namesInList(parent);
  const reference = siblings.find((name) => name === `${key}Ref` || name === `${key}Refs`);
  if (reference) return `a secret is only given by reference: use ${reference}: env:NAME or file:/path`;
  const guess = nearest(key, siblings);
  return guess ? `unknown option; did you mean ${guess}?` : `unknown option; known here: ${siblings.join(', ')}`;
}

function messageOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.endsWith('received null')
        ? `has no value: give ${nameOfType(issue.expected)} or take the line out`
        : `must be ${nameOfType(issue.expected)}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => (value === '' ? '""' : String(value))).join(', ')}`;
    default:
      return issue.message;
  }
}

function nameOfType(expected: string): string {
  const names: Record<string, string> = {
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    string: 'text',
    array: 'a list',
    object: 'a block of options',
  };
  return names[expected] ?? expected;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
