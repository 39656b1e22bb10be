// Broken events, as real producers make them: each kind ends as a dead letter or, from a newer producer, in quarantine.
import type { Random } from './random.ts';
import type { GeneratedEvent } from './to-event.ts';

const breakings: readonly ((event: GeneratedEvent) => string)[] = [
  (event) => JSON.stringify(event).slice(0, -20),
  () => 'Content-Type: text/html\r\n\r\n<h1>502 Bad Gateway</h1>',
  () => '[]',
  (event) => JSON.stringify({ ...event, eventTimeMs: new Date(event.eventTimeMs).toISOString() }),
  (event) => JSON.stringify({ ...event, key: undefined }),
  (event) => JSON.stringify({ ...event, id: '' }),
  (event) => JSON.stringify({ ...event, type: `${event.type}-test` }),
  (event) => JSON.stringify({ ...event, version: 99 }),
];

/** The event's bytes as text, broken in one of eight ways. */
export const malformed = (event: GeneratedEvent, random: Random): string => random.pick(breakings)(event);
