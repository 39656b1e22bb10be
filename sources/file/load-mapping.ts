// Reads a mapping from YAML and checks all of it before the first row: its form, and that it makes an event that millrace knows with
// every field that this needs. All faults at once, each with line and column.
import { readFile } from 'node:fs/promises';
import { LineCounter, isNode, parseDocument } from 'yaml';
import { catalog } from '../../events/catalog.ts';
import { jsonSchemaOf } from '../../events/validators.ts';
import { FileError } from './error.ts';
import { type Mapping, mappingSchema } from './mapping.ts';

interface MappingFault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Throws a `FileError` (`mapping_invalid`, `file_missing`, `file_unreadable`) whose message has one line a fault. */
export async function loadMapping(file: string): Promise<Mapping> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new FileError('file_missing', `the mapping ${file} does not exist`, error);
    throw new FileError('file_unreadable', `the mapping ${file} cannot be read: ${error.message}`, error);
  });
  return parseMapping(file, text);
}

/** As `loadMapping`, of a text; `file` only names it in messages. */
export function parseMapping(file: string, text: string): Mapping {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true, prettyErrors: false });
  const placed = (offset: number, message: string): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${line}:${col}: ${message}`;
  };
  if (document.errors.length > 0) throw invalid(document.errors.map((error) => placed(error.pos[0], error.message)));
  const parsed = mappingSchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  const faults = parsed.success ? eventFaults(parsed.data) : parsed.error.issues;
  if (parsed.success && faults.length === 0) return parsed.data;
  throw invalid(
    faults.map(({ path, message }) => {
      const node = nearestNode(document, path);
      return placed(node, path.length > 0 ? `${path.map(String).join('.')}: ${message}` : message);
    }),
  );
}

function nearestNode(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function eventFaults({ event, fields }: Mapping): MappingFault[] {
  const type = catalog.get(event.type);
  if (!type)
    return [{ path: ['event', 'type'], message: `no such event type; known are ${[...catalog.keys()].join(', ')}` }];
  const version = type.versions[event.version - 1];
  if (!version)
    return [{ path: ['event', 'version'], message: `${event.type} has the versions 1 to ${type.newestVersion}` }];
  const schema = jsonSchemaOf(version) as { properties: Record<string, unknown>; required: string[] };
  const known = Object.keys(schema.properties).filter((name) => name !== 'type' && name !== 'version');
  const unknown = Object.keys(fields).filter((name) => !known.includes(name));
  const missing = schema.required.filter((name) => known.includes(name) && !Object.hasOwn(fields, name));
  return [
    ...unknown.map((name) => ({ path: ['fields', name], message: `no such field; known are ${known.join(', ')}` })),
    ...missing.map((name) => ({ path: ['fields'], message: `${name} is missing; ${event.type} needs it` })),
  ];
}

const invalid = (lines: readonly string[]): FileError => new FileError('mapping_invalid', lines.join('\n'));
