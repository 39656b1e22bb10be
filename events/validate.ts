import type { AnyEvent } from './catalog.ts';
import { findVersion, upcast } from './decode.ts';
import type { InputTopic } from './topics.ts';
import { type Fault, faultsOf, illFormedTextPath, validatorOf } from './validators.ts';

export interface ValidEvent {
  readonly kind: 'ok';
  /** In its newest version. */
  readonly event: AnyEvent;
  readonly topic: InputTopic;
  /** The message key. */
  readonly key: string;
  /** The event as it was given, in the version it names: what goes into the topic. */
  readonly value: Uint8Array;
}

export type ValidateOutcome = ValidEvent | { readonly kind: 'bad'; readonly faults: readonly Fault[] };

const utf8 = new TextEncoder();

/**
 * Checks an event at an edge where its sender can still be told (HTTP, replay): all faults at once. Unlike `decodeEvent`
 * it refuses versions newer than the newest known. Never throws on what `JSON.parse` can give.
 */
export function validateEvent(input: unknown): ValidateOutcome {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return bad('', 'must be a JSON object');
  const found = findVersion(input as Record<string, unknown>);
  if (found.kind === 'dead') return bad(found.fieldPath ?? '', found.message);
  if (found.kind === 'quarantined')
    return bad('/version', `is newer than the newest known, ${found.newestKnownVersion}`);
  const validate = validatorOf(found.version, 'all');
  if (!validate(input)) return { kind: 'bad', faults: faultsOf(validate.errors) };
  const illFormedPath = illFormedTextPath(input);
  if (illFormedPath) return bad(illFormedPath, 'holds half a surrogate pair');
  const event = upcast(found.type, input);
  return { kind: 'ok', event, topic: found.type.topic, key: event.key, value: utf8.encode(JSON.stringify(input)) };
}

const bad = (path: string, message: string): ValidateOutcome => ({ kind: 'bad', faults: [{ path, message }] });
