import { type AnyEvent, type Catalog, type EventType, catalog } from './catalog.ts';
import type { Envelope } from './envelope.ts';
import { faultsOf, illFormedTextPath, validatorOf } from './validators.ts';

export interface DeadOutcome {
  readonly kind: 'dead';
  readonly reason: 'undecodable' | 'invalid' | 'unknown_type';
  /** For a person: what was wrong. Never holds the value itself. */
  readonly message: string;
  /** JSON pointer into the event, or null. */
  readonly fieldPath: string | null;
  /** The event's source when it could be read. */
  readonly source: string | null;
}

export interface QuarantinedOutcome {
  readonly kind: 'quarantined';
  readonly eventType: string;
  readonly eventVersion: number;
  readonly newestKnownVersion: number;
}

export type DecodeOutcome = { readonly kind: 'event'; readonly event: AnyEvent } | DeadOutcome | QuarantinedOutcome;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The event in `bytes[start, end)`, upcast to its newest version; or why there is none. Never throws, whatever the bytes.
 * Fields that the schema does not name are kept as they came and mean nothing. `types`: the event types that there are.
 */
export function decodeEvent(bytes: Uint8Array, start: number, end: number, types: Catalog = catalog): DecodeOutcome {
  let text: string;
  let parsed: unknown;
  try {
    text = utf8.decode(bytes.subarray(start, end));
  } catch {
    return dead('undecodable', 'not UTF-8');
  }
  try {
    parsed = JSON.parse(text);
  } catch {
    return dead('undecodable', text === '' ? 'empty' : 'not JSON');
  }
  if (!isObject(parsed)) return dead('undecodable', 'not a JSON object');
  // Half a surrogate pair can only come from an escape: the bytes were UTF-8.
  const isSuspect = text.includes('\\u');
  return decodeObject(parsed, isSuspect, types);
}

function decodeObject(input: Record<string, unknown>, isSuspect: boolean, types: Catalog): DecodeOutcome {
  // An own field of that name is copied as a prototype by Object.assign: nobody downstream has to think of it.
  if (Object.hasOwn(input, '__proto__')) delete input['__proto__'];
  const source = readableSource(input['source']);
  const found = findVersion(input, types);
  if (found.kind === 'dead') return { ...found, source };
  if (found.kind === 'quarantined') return found;
  const { type, version } = found;
  const validate = validatorOf(version, 'first');
  if (!validate(input)) {
    const [fault = { path: '', message: 'is not valid' }] = faultsOf(validate.errors);
    return dead('invalid', `${fault.path.slice(1) || type.type} ${fault.message}`, fault.path || null, source);
  }
  const illFormedPath = isSuspect ? illFormedTextPath(input) : null;
  if (illFormedPath)
    return dead('invalid', `${illFormedPath.slice(1)} holds half a surrogate pair`, illFormedPath, source);
  return { kind: 'event', event: upcast(type, input) };
}

type FoundVersion =
  | { readonly kind: 'found'; readonly type: EventType; readonly version: EventType['versions'][number] }
  | DeadOutcome
  | QuarantinedOutcome;

/** Which schema applies, by the type and version that an event says it has. */
export function findVersion(input: Readonly<Record<string, unknown>>, types: Catalog = catalog): FoundVersion {
  const { type: typeName, version: number } = input;
  if (typeof typeName !== 'string') return dead('invalid', 'type must be text', '/type');
  const type = types.get(typeName);
  if (!type) return dead('unknown_type', `no such event type; known are ${[...types.keys()].join(', ')}`, '/type');
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 1)
    return dead('invalid', 'version must be a whole number from 1', '/version');
  const version = type.versions[number - 1];
  if (version) return { kind: 'found', type, version };
  return { kind: 'quarantined', eventType: typeName, eventVersion: number, newestKnownVersion: type.newestVersion };
}

/** Runs the chain of upcasters; the input must be valid for the version that it names. */
export function upcast(type: EventType, input: object): AnyEvent {
  let event = input as Envelope;
  for (let i = event.version - 1; i < type.versions.length - 1; i++) event = type.versions[i]?.upcast?.(event) ?? event;
  return event as AnyEvent;
}

const readableSource = (value: unknown): string | null =>
  typeof value === 'string' && value.length <= 200 && !/\p{Surrogate}/u.test(value) ? value : null;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const dead = (
  reason: DeadOutcome['reason'],
  message: string,
  fieldPath: string | null = null,
  source: string | null = null,
): DeadOutcome => ({ kind: 'dead', reason, message, fieldPath, source });
