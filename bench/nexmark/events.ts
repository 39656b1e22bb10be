import { z } from 'zod';
import type { Catalog, EventType } from '../../events/catalog.ts';
import { envelopeFields, idField } from '../../events/fields.ts';
import type { TimedEvent } from '../../streams/batch.ts';
import { seeded } from '../seeded.ts';

/**
 * The events of Nexmark (Tucker, Tufte, Papadimos, Maier 2008) in the proportions of Apache Beam's generator: of fifty, one person, three
 * auctions, 46 bids; half of the bids on the hot auction, three of four by the hot bidder, three of four auctions by the hot seller.
 */
export interface Bid extends TimedEvent {
  readonly type: 'bid';
  readonly auction: number;
  readonly bidder: number;
  /** Minor units. */
  readonly price: number;
  readonly channel: string;
}

const epochLength = 50;
const auctionsAnEpoch = 3;
const hot = { auctions: 2, sellers: 4, bidders: 4 };
/** Auctions that bids are placed on, and persons who place them: the newest ones. */
const auctionsInFlight = 100;
const personsInFlight = 1_000;
const hotEvery = 100;
const startMs = Date.UTC(2026, 0, 5, 6);
export const eventsPerSecond = 10_000;
export const outOfOrdernessMs = 4_000;
const disorderMs = 3_000;
const channels = ['apple', 'google', 'facebook', 'baidu'];

const person = z.object({ ...envelopeFields('person', 1), person: z.int().min(0), name: idField, city: idField });
const auction = z.object({
  ...envelopeFields('auction', 1),
  ...{ auction: z.int().min(0), seller: z.int().min(0), category: z.int().min(0), initialBid: z.int().min(0) },
});
const bid = z.object({
  ...envelopeFields('bid', 1),
  ...{ auction: z.int().min(0), bidder: z.int().min(0), price: z.int().min(0), channel: idField, url: idField },
});

/** Each as any other event type of millrace: a schema, and a decoder compiled from it. */
export const nexmarkEvents: Catalog = new Map(
  Object.entries({ person, auction, bid }).map(([type, schema]) => {
    const versions = [{ version: 1, schema, upcast: null }];
    return [type, { type, topic: 'nexmark', newestVersion: 1, versions } as unknown as EventType];
  }),
);

export type NexmarkEvent = Readonly<Record<string, unknown>> & TimedEvent;

/** Seeded events, out of order within three seconds. */
export function* nexmark(events: number): Generator<NexmarkEvent> {
  const random = seeded(17);
  for (let i = 0; i < events; i++) {
    const eventTimeMs = eventTimeOf(i) + disorderMs - random(disorderMs + 1);
    const epoch = Math.floor(i / epochLength);
    const place = i % epochLength;
    const lastAuction = epoch * auctionsAnEpoch + Math.min(place, auctionsAnEpoch);
    const common = { version: 1, source: 'nexmark', eventTimeMs };
    const hotOr = (ratio: number, newest: number, inFlight: number): number =>
      random(ratio) > 0 ? Math.floor(newest / hotEvery) * hotEvery : newest - random(Math.min(newest + 1, inFlight));
    if (place === 0)
      yield { ...common, id: `p${i}`, type: 'person', key: `${epoch}`, person: epoch, name: `n${epoch}`, city: 'Oslo' };
    else if (place <= auctionsAnEpoch) {
      const seller = hotOr(hot.sellers, epoch, personsInFlight);
      const about = { auction: lastAuction, seller, category: 10 + random(5), initialBid: 1 + random(1_000) };
      yield { ...common, id: `a${i}`, type: 'auction', key: `${lastAuction}`, ...about };
    } else {
      const on = hotOr(hot.auctions, lastAuction, auctionsInFlight);
      const bidder = hotOr(hot.bidders, epoch, personsInFlight);
      const price = Math.round(10 ** (random(6_000) / 1_000) * 100);
      const channel = channels[random(channels.length)] ?? '';
      const url = `https://www.nexmark.com/${channel}/item.htm?query=1`;
      yield { ...common, id: `b${i}`, type: 'bid', key: `${on}`, auction: on, bidder, price, channel, url };
    }
  }
}

/** When event `i` is produced: its own time lies up to three seconds before. */
export const eventTimeOf = (i: number): number => startMs + Math.floor((i * 1_000) / eventsPerSecond);

/** Far behind all others: every window of theirs is over. No query looks at it. */
export function closingEvent(events: number): NexmarkEvent {
  const eventTimeMs = eventTimeOf(events) + 3 * 86_400_000;
  const common = { version: 1, source: 'nexmark', eventTimeMs, key: 'close' };
  return { ...common, id: 'close', type: 'person', person: 0, name: 'close', city: 'Oslo' };
}
