import type { z } from 'zod';
import type { Envelope } from './envelope.ts';
import { type Interaction, interactionV1 } from './interaction.ts';
import { type Label, labelV1 } from './label.ts';
import { type Payment, type PaymentV1, paymentV1, paymentV2, upcastPaymentV1 } from './payment.ts';
import { type ListEntry, listEntryV1, type Rule, ruleV1, type Thresholds, thresholdsV1 } from './rule.ts';
import { type Served, servedV1 } from './served.ts';
import { type InputTopic, rulesTopic } from './topics.ts';

/** Any event in its newest version. */
export type AnyEvent = Payment | Interaction | Served | Label | Rule | Thresholds | ListEntry;

export interface EventVersion {
  readonly version: number;
  readonly schema: z.ZodObject;
  /** To the next version; null for the newest. */
  readonly upcast: ((event: Envelope) => Envelope) | null;
}

export interface EventType {
  readonly type: AnyEvent['type'];
  readonly topic: InputTopic;
  readonly newestVersion: number;
  /** Every version ever released, oldest first, without holes: events of all of them are still in topics and archives. */
  readonly versions: readonly EventVersion[];
}

/** Event types by name. */
export type Catalog = ReadonlyMap<string, EventType>;

/**
 * Every event type that millrace knows. To add a version: its schema and an upcaster from the one before, an entry here,
 * a golden sample `golden/<type>.v<n>.json`; the tests fail until all are there.
 */
export const catalog: Catalog = new Map(
  [
    eventType('payment', 'payments', [
      // An upcaster only ever sees what its own version's schema accepted.
      { version: 1, schema: paymentV1, upcast: (event) => upcastPaymentV1(event as PaymentV1) },
      { version: 2, schema: paymentV2, upcast: null },
    ]),
    eventType('interaction', 'interactions', [{ version: 1, schema: interactionV1, upcast: null }]),
    eventType('served', 'interactions', [{ version: 1, schema: servedV1, upcast: null }]),
    eventType('label', 'labels', [{ version: 1, schema: labelV1, upcast: null }]),
    eventType('rule', rulesTopic, [{ version: 1, schema: ruleV1, upcast: null }]),
    eventType('thresholds', rulesTopic, [{ version: 1, schema: thresholdsV1, upcast: null }]),
    eventType('list-entry', rulesTopic, [{ version: 1, schema: listEntryV1, upcast: null }]),
  ].map((entry) => [entry.type, entry]),
);

function eventType(type: AnyEvent['type'], topic: InputTopic, versions: readonly EventVersion[]): EventType {
  versions.forEach((entry, i) => {
    const isNewest = i === versions.length - 1;
    if (entry.version !== i + 1) throw new Error(`${type}: version ${i + 1} is missing from the catalog`);
    if ((entry.upcast === null) !== isNewest)
      throw new Error(`${type} v${entry.version}: every version but the newest needs an upcaster`);
  });
  return { type, topic, newestVersion: versions.length, versions };
}
