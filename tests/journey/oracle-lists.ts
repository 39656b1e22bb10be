import type { Comparison } from './compare.ts';
import type { JourneyFile, JourneyInput, JourneyOracle, Stored } from './oracle.ts';
import { OracleCoVisits } from './oracle-co-visits.ts';
import { oraclePartition } from './oracle-murmur.ts';
import { oracleRows } from './oracle-rows.ts';
import { OracleTrends } from './oracle-trends.ts';
import { orderedEntries } from './order.ts';
import { queryLines } from './stored-rows.ts';

/**
 * What the pipeline `recommendations` must say about a Globo file: every trending list of every minute, and the newest co-visited list
 * of every item. From the file, and from the order of records and the clock in `order_log`; no code of the engine.
 */
export interface OracleClick {
  readonly id: string;
  readonly userId: string;
  readonly sessionId: string;
  readonly itemId: string;
  readonly atMs: number;
}

/** A list as it must be stored, by its identity. */
export interface ExpectedList {
  /** As JSON. */
  readonly items: string;
  readonly eventTimeMs: number;
  readonly clockMs: number;
}

const orderTopic = 'millrace.order.recommendations.v1';
const examplesMax = 5;

export async function listOracles({ clicks, partitions }: JourneyInput): Promise<readonly JourneyOracle[]> {
  if (!clicks) return [];
  const places = await clicksByPlace(clicks, partitions);
  // The two kinds share one pass over the order log.
  let made: Promise<Made> | null = null;
  return [
    {
      kind: 'trending',
      compare: async (stored) => {
        made = make(places, stored);
        const { trending, clockMs } = await made;
        return compareLists(trending, clockMs, 'trending', stored);
      },
    },
    {
      kind: 'coVisited',
      compare: async (stored) => {
        const { coVisited, clockMs } = await (made ?? make(places, stored));
        return compareLists(coVisited, clockMs, 'co_visited', stored);
      },
    },
  ];
}

/** By partition, in the order in which they were sent: the offset is the place. */
async function clicksByPlace(
  { file, rows }: JourneyFile,
  partitions: number,
): Promise<readonly (readonly OracleClick[])[]> {
  const places: OracleClick[][] = Array.from({ length: partitions }, () => []);
  for await (const row of oracleRows(file, rows)) {
    const text = (column: string) => row.get(column) ?? '';
    const [userId, sessionId, itemId, at] = [
      text('user_id'),
      text('session_id'),
      text('article_id'),
      text('click_ts_ms'),
    ];
    places[oraclePartition(userId, partitions)]?.push({
      ...{ id: `${sessionId}-${itemId}-${at}`, userId, sessionId, itemId, atMs: Number(at) },
    });
  }
  return places;
}

interface Made {
  /** By `minute all`. */
  readonly trending: ReadonlyMap<string, ExpectedList>;
  /** By `0 item`. */
  readonly coVisited: ReadonlyMap<string, ExpectedList>;
  /** Of the last entry that was read: the service goes on, and publishes more by its clock. */
  readonly clockMs: number;
}

async function make(places: readonly (readonly OracleClick[])[], { url, database }: Stored): Promise<Made> {
  const trends = new OracleTrends();
  const coVisits = new OracleCoVisits();
  const seen = new Set<string>();
  let newestMs = -Infinity;
  let clockMs = 0;
  for await (const entry of orderedEntries(url, database, orderTopic)) {
    clockMs = entry.clockMs;
    for (const { topic, partition, inputOffset } of entry.records) {
      const click = places[partition]?.[inputOffset];
      if (topic !== 'interactions' || !click)
        throw new Error(`the oracle does not know ${topic}-${partition} ${inputOffset}`);
      if (seen.has(click.id)) continue;
      seen.add(click.id);
      trends.before(click.atMs, newestMs, clockMs);
      newestMs = Math.max(newestMs, click.atMs);
      trends.add(click, newestMs);
      coVisits.add(click, newestMs);
    }
    trends.endEntry(newestMs, clockMs);
    coVisits.endEntry(newestMs, clockMs);
  }
  return { trending: trends.lists, coVisited: coVisits.lists, clockMs };
}

/** Lists that were published after the oracle has read the log are left out, with the ones that they have replaced. */
async function compareLists(
  expected: ReadonlyMap<string, ExpectedList>,
  clockMs: number,
  kind: 'trending' | 'co_visited',
  { url, database }: Stored,
): Promise<Comparison> {
  const sql = `SELECT toUnixTimestamp64Milli(slot), key, items, toUnixTimestamp64Milli(event_time), toUnixTimestamp64Milli(clock)
    FROM ${database}.recommendation_lists FINAL WHERE pipeline = 'recommendations' AND list = '${kind}' FORMAT JSONCompactEachRow`;
  const counts = { compared: 0, missing: 0, extra: 0, different: 0 };
  const examples: string[] = [];
  const note = (what: 'missing' | 'extra' | 'different', identity: string, detail = '') => {
    counts[what] += 1;
    if (examples.length < examplesMax) examples.push(`${what}: ${identity} ${detail}`.trimEnd());
  };
  const seen = new Set<string>();
  for await (const line of queryLines(url, sql)) {
    const [slot, key, items, eventTime, clock] = JSON.parse(line) as readonly [string, string, string, string, string];
    const identity = `${slot} ${key}`;
    const list = expected.get(identity);
    if (seen.has(identity)) note('extra', identity, 'twice');
    seen.add(identity);
    if (Number(clock) > clockMs) continue;
    if (!list) {
      note('extra', identity, items.slice(0, 200));
      continue;
    }
    counts.compared += 1;
    const isSame = list.items === items && list.eventTimeMs === Number(eventTime) && list.clockMs === Number(clock);
    if (!isSame) note('different', identity, differenceOf(list, { items, eventTime, clock }));
  }
  for (const identity of expected.keys()) if (!seen.has(identity)) note('missing', identity);
  return { ...counts, examples };
}

function differenceOf(
  expected: ExpectedList,
  { items, eventTime, clock }: { readonly items: string; readonly eventTime: string; readonly clock: string },
): string {
  if (expected.clockMs !== Number(clock)) return `is of the clock ${clock}, not ${expected.clockMs}`;
  if (expected.eventTimeMs !== Number(eventTime)) return `is as of ${eventTime}, not ${expected.eventTimeMs}`;
  const at = [...items].findIndex((letter, i) => letter !== expected.items[i]);
  const from = Math.max(0, at - 60);
  return `says …${items.slice(from, at + 60)}, not …${expected.items.slice(from, at + 60)}`;
}
