import type { Processor } from '../../processors/processor.ts';
import { type Aggregate, field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { max, min } from '../../streams/aggregates/extremes.ts';
import { dated, last } from '../../streams/aggregates/first-last.ts';
import { mean } from '../../streams/aggregates/mean.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import type { Output, StreamBatch, StreamRecord } from '../../streams/batch.ts';
import { type Stage, stageOf } from '../../streams/stage.ts';
import { type View, viewsReachMs, viewsShape } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';
import type { WindowSpec } from '../../streams/windows.ts';
import { type Bid, nexmarkEvents } from './events.ts';
import { hotItems, onLoggedClock } from './steps.ts';

export type QueryName = 'q0' | 'q1' | 'q2' | 'q5' | 'q7' | 'q11' | 'q12' | 'q17' | 'q18' | 'q19';

/** Where rows go; provisional ones are for eyes only. */
export const nexmarkTopics = { results: 'nexmark-results', provisional: 'nexmark-open', late: 'nexmark-late' };
const topics = { windows: nexmarkTopics.results, provisional: nexmarkTopics.provisional, late: nexmarkTopics.late };

const limits = { allowedLatenessMs: 0, provisionalEveryMs: 1_000, keysMax: 4_000_000, cellsMax: 16_000_000 };
const tenSeconds: WindowSpec = { kind: 'tumbling', sizeMs: 10_000 };
const day: WindowSpec = { kind: 'tumbling', sizeMs: 86_400_000 };
const one = field(count, () => null);
const price = ({ price: value }: Bid): number => value;

type Batches = Stage<StreamBatch<Bid>, StreamBatch<Bid>>;

/** Each as a processor of millrace, of the engine's own operators. */
export const queries: Readonly<Record<QueryName, () => Processor<Bid>>> = {
  q0: () => stateless('q0', (bid) => bid),
  q1: () => stateless('q1', (bid) => ({ ...bid, price: (bid.price * 908) / 1_000 })),
  q2: () => stateless('q2', ({ auction, price: of }) => (auction % 123 === 0 ? { auction, price: of } : null)),
  q5: () =>
    over(
      'q5',
      viewOf('auction', (bid) => `${bid.auction}`, [['bids', one]], {
        kind: 'hopping',
        sizeMs: 10_000,
        advanceMs: 2_000,
      }),
      {
        after: () => hotItems(nexmarkTopics.results),
      },
    ),
  q7: () =>
    over(
      'q7',
      viewOf('all', () => 'all', [['highest', field(highest(1), rankedBid)]], tenSeconds),
    ),
  q11: () =>
    over('q11', viewOf('bidder', bidder, [['bids', one]], { kind: 'session', gapMs: 10_000, reachMs: 600_000 })),
  q12: () => over('q12', viewOf('bidder', bidder, [['bids', one]], tenSeconds), { before: onLoggedClock }),
  q17: () =>
    over(
      'q17',
      viewOf('auction', (bid) => `${bid.auction}`, statistics, day),
    ),
  q18: () =>
    over(
      'q18',
      viewOf(
        'pair',
        (bid) => `${bid.bidder}/${bid.auction}`,
        [['last', field(last, (bid) => dated(bid, bid.id))]],
        day,
      ),
    ),
  q19: () =>
    over(
      'q19',
      viewOf('auction', (bid) => `${bid.auction}`, [['top', field(highest(10), rankedBid)]], day),
    ),
};

const bidder = (bid: Bid): string => `${bid.bidder}`;

const statistics: View<Bid>['fields'] = [
  ['bids', one],
  ...rank('cheap', (of) => of < 10_000),
  ...rank('middle', (of) => of >= 10_000 && of < 1_000_000),
  ...rank('dear', (of) => of >= 1_000_000),
  ['min', field(min, price)],
  ['max', field(max, price)],
  ['mean', field(mean, price)],
  ['sum', field(sum, price)],
];

function rank(name: string, is: (price: number) => boolean): View<Bid>['fields'] {
  return [[name, field(sum, ({ price: of }: Bid) => (is(of) ? 1 : 0))]];
}

interface RankedBid {
  readonly id: string;
  readonly price: number;
}
const rankedBid = ({ id, price: of }: Bid): RankedBid => ({ id, price: of });

/** The `k` highest bids, dearest first, of one price by id. */
function highest(k: number): Aggregate<RankedBid, RankedBid[], readonly RankedBid[]> {
  const isBefore = (a: RankedBid, b: RankedBid): boolean => a.price > b.price || (a.price === b.price && a.id < b.id);
  const add = (state: RankedBid[], bid: RankedBid): RankedBid[] => {
    let at = state.length;
    while (at > 0 && isBefore(bid, state[at - 1] as RankedBid)) at -= 1;
    if (at >= k) return state;
    state.splice(at, 0, bid);
    if (state.length > k) state.pop();
    return state;
  };
  return {
    ...{ name: `highest(${k})`, init: () => [], add },
    merge: (into, from) => from.reduce(add, into),
    result: (state) => [...state],
  };
}

function viewOf(name: string, keyOf: (bid: Bid) => string, fields: View<Bid>['fields'], window: WindowSpec): View<Bid> {
  return { name, keyOf, fields, outputs: [{ name: 'nexmark', window }] };
}

interface Around {
  readonly before?: () => Batches;
  readonly after?: () => Batches;
}

function over(name: QueryName, view: View<Bid>, { before, after }: Around = {}): Processor<Bid> {
  return {
    ...common(name, viewsShape([view]), viewsReachMs([view])),
    create: () => {
      const windows = windowed<Bid>({ ...limits, views: [view], topics });
      const [first, then] = [before?.(), after?.()];
      if (!first && !then) return windows;
      const operator: Batches['operator'] = (batches) => {
        const timed = first ? first.operator(batches) : batches;
        const folded = windows.operator(timed);
        return then ? then.operator(folded) : folded;
      };
      const { snapshot, restore, counters } = windows;
      return { operator, snapshot, restore, counters };
    },
  };
}

/** A row for each bid that `of` makes something of. */
function stateless(name: QueryName, of: (bid: Bid) => object | null): Processor<Bid> {
  const apply = (batch: StreamBatch<Bid>): StreamBatch<Bid> => {
    const outputs: Output[] = [...batch.outputs];
    for (const { event } of batch.records as readonly StreamRecord<Bid>[]) {
      const body = of(event);
      if (body) outputs.push({ topic: nexmarkTopics.results, key: event.key, identity: event.id, body });
    }
    return { ...batch, outputs };
  };
  const create = () => stageOf({ apply, snapshot: () => null, restore: () => {}, counters: () => ({}) });
  return { ...common(name, null, 0), create };
}

const common = (name: QueryName, stateShape: unknown, acceptsBehindMs: number) => ({
  ...{ name: `nexmark-${name}`, version: 1, inputs: ['nexmark'], eventTypes: ['bid'], stateShape, acceptsBehindMs },
  fieldsRead: Object.fromEntries([...nexmarkEvents.keys()].map((type) => [type, fieldsOf[name] ?? []])),
});

/** What a query reads beside the envelope. */
const fieldsOf: Readonly<Partial<Record<QueryName, readonly string[]>>> = {
  q0: ['auction', 'bidder', 'price', 'channel', 'url'],
  q1: ['auction', 'bidder', 'price', 'channel', 'url'],
  q2: ['auction', 'price'],
  q5: ['auction'],
  q7: ['price'],
  q11: ['bidder'],
  q12: ['bidder'],
  q17: ['auction', 'price'],
  q18: ['auction', 'bidder'],
  q19: ['auction', 'price'],
};
