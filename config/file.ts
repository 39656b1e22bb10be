import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node, type Scalar } from 'yaml';
import type { ConfigFault } from './faults.ts';

/** A parsed file: its values as plain data, and where each one stands. */
export interface ConfigFile {
  /** Null when nothing usable was found; `faults` then says why. */
  readonly data: Record<string, unknown> | null;
  readonly faults: readonly ConfigFault[];
  /** Paths (dotted) whose text came from `${…}`: they have still to take the option's type. */
  readonly substituted: ReadonlySet<string>;
  /** `file:line:column` of a path's value (or key), or of the nearest part above it. */
  where(path: readonly PropertyKey[], isKey?: boolean): string;
}

/** A file larger than this is no configuration. */
export const fileBytesMax = 1_048_576;
/** More aliases than any honest file has: the bound against exponential expansion. */
const aliasesMax = 50;

/** Reads YAML text; `${NAME}` and `${NAME:-default}` inside values come from `env`, or are plain text where that is null. Never throws for what the text holds. */
export function parseConfigFile(
  name: string,
  text: string,
  env: Readonly<Record<string, string | undefined>> | null,
): ConfigFile {
  const lines = new LineCounter();
  const at = (position: number) => {
    const { line, col } = lines.linePos(position);
    return `${name}:${line}:${col}`;
  };
  if (Buffer.byteLength(text) > fileBytesMax)
    return unusable([
      { where: `${name}:1:1`, path: '', message: `larger than ${fileBytesMax} bytes: this is not a configuration` },
    ]);
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const faults: ConfigFault[] = document.errors.map((error) => ({
    where: at(error.pos[0]),
    path: '',
    message: `not valid YAML: ${error.message.split('\n', 1)[0]}`,
  }));
  if (faults.length > 0) return unusable(faults);
  const fail = (scalar: Scalar, message: string): void => {
    faults.push({ where: at(scalar.range?.[0] ?? 0), path: '', message });
  };
  const substituted = env === null ? new Set<string>() : substitute(document, env, fail);
  return {
    ...plainData(document, name, faults),
    substituted,
    where: (path, isKey) => at(positionOf(document, path, isKey)),
  };
}

function plainData(
  document: Document.Parsed,
  name: string,
  faults: ConfigFault[],
): Pick<ConfigFile, 'data' | 'faults'> {
  try {
    const data: unknown = document.toJS({ maxAliasCount: aliasesMax }) ?? {};
    if (typeof data === 'object' && !Array.isArray(data)) return { data: data as Record<string, unknown>, faults };
    faults.push({ where: `${name}:1:1`, path: '', message: 'must be a block of options, such as `server:`' });
  } catch (error) {
    faults.push({ where: `${name}:1:1`, path: '', message: `cannot be used: ${(error as Error).message}` });
  }
  return { data: null, faults };
}

function unusable(faults: readonly ConfigFault[]): ConfigFile {
  return { data: null, faults, substituted: new Set(), where: () => faults[0]?.where ?? '' };
}

function substitute(
  document: Document.Parsed,
  env: Readonly<Record<string, string | undefined>>,
  fail: (scalar: Scalar, message: string) => void,
): ReadonlySet<string> {
  const substituted = new Set<string>();
  visit(document, {
    Scalar(place, scalar, ancestors) {
      if (place === 'key' || typeof scalar.value !== 'string' || !scalar.value.includes('${')) return;
      scalar.value = scalar.value.replace(/\$\{([^}]*)(\}?)/g, (whole, inside: string, end: string) => {
        const found = end === '' ? null : /^([A-Za-z_][A-Za-z0-9_]*)(?::-([^]*))?$/.exec(inside);
        if (!found) fail(scalar, `${whole} is not a reference: write \${NAME} or \${NAME:-default}`);
        const [, variable = '', fallback] = found ?? [];
        const value = env[variable] || fallback;
        if (found && value === undefined)
          fail(scalar, `\${${variable}} is not set: set it, or write \${${variable}:-default}`);
        return value ?? '';
      });
      substituted.add(pathOf(ancestors as readonly Node[], place).join('.'));
    },
  });
  return substituted;
}

/** The keys on the way to a visited node. */
function pathOf(ancestors: readonly unknown[], place: number | 'key' | 'value' | null): readonly string[] {
  const path: string[] = [];
  ancestors.forEach((ancestor, i) => {
    const below = ancestors[i + 1];
    if (isSeq(ancestor)) path.push(String(below === undefined ? place : ancestor.items.indexOf(below)));
    else if (ancestor && typeof ancestor === 'object' && 'key' in ancestor && isScalar(ancestor.key))
      path.push(String(ancestor.key.value));
  });
  return path;
}

function positionOf(document: Document.Parsed, path: readonly PropertyKey[], isKey = false): number {
  let node: unknown = document.contents;
  let position = document.contents?.range?.[0] ?? 0;
  path.forEach((part, i) => {
    const isLast = i === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part));
      const key = pair?.key as Scalar | undefined;
      const value = pair?.value as Node | null | undefined;
      const hasOwnPlace = value?.range && value.range[1] > value.range[0];
      position = ((isKey && isLast) || !hasOwnPlace ? key?.range?.[0] : value.range?.[0]) ?? position;
      node = value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      position = (node as Node | undefined)?.range?.[0] ?? position;
    } else node = undefined;
  });
  return position;
}
