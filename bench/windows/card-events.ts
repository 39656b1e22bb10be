import { z } from 'zod';
import type { Catalog, EventType } from '../../events/catalog.ts';
import { idField, timeField } from '../../events/fields.ts';

/** The events of the job that other engines run as well: flat payments of 194 bytes with eleven fields. */
export interface CardEvent {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly source: string;
  readonly eventTimeMs: number;
  readonly key: string;
  readonly amountMinor: number;
}

const typeNames = ['payment', 'refund', 'authorise', 'close'] as const;

const schemaOf = (type: string) =>
  z.object({
    ...{ id: idField, type: z.literal(type), version: z.literal(1), source: idField, eventTimeMs: timeField },
    ...{
      key: idField,
      amountMinor: z.int().min(0),
      currency: idField,
      country: idField,
      terminal: idField,
      device: idField,
    },
  });

/** Their types, each as any other event type of millrace: a schema, and a decoder compiled from it. */
export const cardEvents: Catalog = new Map(
  typeNames.map((type) => {
    const versions = [{ version: 1, schema: schemaOf(type), upcast: null }];
    return [type, { type, topic: 'payments', newestVersion: 1, versions } as unknown as EventType];
  }),
);

const T0 = 1_700_000_000_000;
const disorderMs = 2_000;
/** Of event time, in the job that other engines run as well. */
export const cardEventsPerSecond = 10_000;
const types = ['payment', 'refund', 'payment', 'authorise', 'payment'];
const currencies = ['EUR', 'USD', 'GBP', 'SEK', 'PLN'];
const countries = ['DE', 'US', 'GB', 'SE', 'PL'];

export interface CardTraffic {
  readonly keys: number;
  /** Of event time. */
  readonly eventsPerSecond: number;
}

/** Event `i` of a seeded run: key and bytes. */
export function cardEvent(i: number, { keys, eventsPerSecond }: CardTraffic, random: (below: number) => number) {
  const key = `card-${random(keys)}`;
  const eventTimeMs = T0 + disorderMs + Math.floor((i * 1_000) / eventsPerSecond) - random(disorderMs + 1);
  const place = random(5);
  const text =
    `{"id":"e${String(i).padStart(6, '0')}","type":"${types[random(5)]}","version":1,"source":"gen","eventTimeMs":${eventTimeMs},` +
    `"key":"${key}","amountMinor":${1 + random(50_000)},"currency":"${currencies[place]}","country":"${countries[place]}",` +
    `"terminal":"t-${random(1_000)}","device":"d-${random(100)}"}`;
  return { key, eventTimeMs, text };
}

/** The record that closes every window of a partition. */
export function closingEvent(partition: number, eventTimeMs: number) {
  const key = `__close-${partition}`;
  const text =
    `{"id":"close-${partition}","type":"close","version":1,"source":"gen","eventTimeMs":${eventTimeMs},"key":"${key}",` +
    `"amountMinor":0,"currency":"EUR","country":"DE","terminal":"t-0","device":"d-0"}`;
  return { key, text };
}
