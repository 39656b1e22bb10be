// The body of a request as events ready to be produced, or every fault in it, by path. One event or a list; nothing is filled in
// but `id` and `source`, as documented. Redelivery: an id made here is new each time, so who wants to send again names his own.
import { validateEvent } from '../../events/validate.ts';
import { type InputTopic, rulesTopic } from '../../events/topics.ts';

export interface ReadEvent {
  readonly id: string;
  readonly topic: InputTopic;
  readonly key: string;
  readonly value: Uint8Array;
}

export interface EventFault {
  /** JSON pointer into the body; `""` is the whole. */
  readonly path: string;
  readonly message: string;
}

export type ReadOutcome =
  | { readonly kind: 'ok'; readonly events: readonly ReadEvent[] }
  /** The first faults of `faultsTotal`, in `count` events. */
  | {
      readonly kind: 'bad';
      readonly faults: readonly EventFault[];
      readonly faultsTotal: number;
      readonly count: number;
    };

/** What an event gets that says nothing about where it is from. */
const defaultSource = 'http';
const faultsMax = 100;
/** Well under the 1 MiB that brokers take by default: a message that they refuse for good would stop the producer. */
const eventBytesMax = 524_288;

export function readEvents(
  body: unknown,
  { newId, eventsMax }: { readonly newId: () => string; readonly eventsMax: number },
): ReadOutcome {
  const inputs = Array.isArray(body) ? body : [body];
  if (inputs.length === 0) return bad([{ path: '', message: 'holds no event' }], 0);
  if (inputs.length > eventsMax)
    return bad([{ path: '', message: `holds more than ${eventsMax} events` }], inputs.length);
  const events: ReadEvent[] = [];
  const faults: EventFault[] = [];
  inputs.forEach((input: unknown, i) => {
    const prefix = Array.isArray(body) ? `/${i}` : '';
    const outcome = validateEvent(withDefaults(input, newId));
    if (outcome.kind === 'bad')
      for (const { path, message } of outcome.faults) faults.push({ path: `${prefix}${path}`, message });
    else if (outcome.topic === rulesTopic)
      faults.push({
        path: `${prefix}/type`,
        message: `is ${outcome.event.type}: rules and lists come from config/rules`,
      });
    else if (outcome.value.length > eventBytesMax)
      faults.push({ path: prefix, message: `is larger than ${eventBytesMax} bytes` });
    else events.push({ id: outcome.event.id, topic: outcome.topic, key: outcome.key, value: outcome.value });
  });
  return faults.length > 0 ? bad(faults, inputs.length) : { kind: 'ok', events };
}

/** Only what is absent: `null` or an empty text is the sender's mistake and is told. */
function withDefaults(input: unknown, newId: () => string): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const { id = newId(), source = defaultSource } = input as { readonly id?: unknown; readonly source?: unknown };
  return { ...input, id, source };
}

const bad = (faults: readonly EventFault[], count: number): ReadOutcome => ({
  kind: 'bad',
  faults: faults.slice(0, faultsMax),
  faultsTotal: faults.length,
  count,
});
