import { parseTopicPartition } from '../../sources/source.ts';
import type { FoldEntry, OrderClaim, OrderEntry, OrderRecord } from '../../tasks/contract.ts';
import { toBatch } from './broker.ts';
import type { SimBroker, SimRecord } from './broker.ts';
import { chainOf, resultTopic } from './counting-fold.ts';
import type { SimEvent, SimResult } from './counting-fold.ts';

/**
 * What an order log means, worked out again with none of the engine's code: design rules 1 to 3 over plain values. It
 * follows the log as it grows and remembers every output that there ought to be.
 */
export interface Oracle {
  /** Reads what the log has got since. */
  advance(): void;
  /** The running hash after the entry at an order offset, for entries that count. */
  chainAt(orderOffset: bigint): number | undefined;
  results(): readonly SimResult[];
  position(partition: string): bigint | undefined;
  nextOffset(): bigint;
  claims(): number;
  ignored(): number;
}

interface Rules {
  lastClaim: string | null;
  head: string | null;
  epoch: number;
  clockMs: number;
  positions: Map<string, bigint> | null;
}

type Ranges = readonly { readonly name: string; readonly taken: readonly SimRecord[]; readonly to: bigint }[];

export function createOracle(broker: SimBroker, orderTopic: string, shard: number): Oracle {
  const log = broker.partition({ topic: orderTopic, partition: shard });
  const rules: Rules = { lastClaim: null, head: null, epoch: 0, clockMs: 0, positions: null };
  const totals = new Map<string, { count: number; sum: number }>();
  const chains = new Map<bigint, number>();
  const results: SimResult[] = [];
  let chain = 0;
  let next = 0;
  let claims = 0;
  let ignored = 0;

  const fold = (record: OrderEntry, orderOffset: bigint, ranges: Ranges): void => {
    chain = chainOf(chain, foldEntryOf(rules, record, orderOffset, ranges));
    chains.set(orderOffset, chain);
    const taken = ranges.flatMap((range) => range.taken);
    results.push(...count(totals, taken, rules.epoch, Number(orderOffset)));
  };
  const read = ({ value, offset }: SimRecord): void => {
    const record = JSON.parse(Buffer.from(value ?? []).toString()) as OrderRecord;
    if (record.kind === 'claim') {
      if (claimCounts(rules, record)) claims++;
      else ignored++;
      return;
    }
    const ranges = record.kind === 'entry' ? entryCounts(broker, rules, record) : null;
    if (ranges && record.kind === 'entry') fold(record, offset, ranges);
    else ignored++;
  };

  return {
    advance() {
      for (let record = log.records[next]; record; record = log.records[++next]) read(record);
    },
    chainAt: (orderOffset) => chains.get(orderOffset),
    results: () => results,
    position: (partition) => rules.positions?.get(partition),
    nextOffset: () => BigInt(next),
    claims: () => claims,
    ignored: () => ignored,
  };
}

function claimCounts(rules: Rules, record: OrderClaim): boolean {
  if (record.replaces !== rules.lastClaim) return false;
  if (!rules.positions) {
    if (!record.genesis) return false;
    rules.epoch = record.genesis.epoch;
    rules.positions = new Map(Object.entries(record.genesis.starts).map(([name, at]) => [name, BigInt(at)]));
  }
  rules.lastClaim = rules.head = record.id;
  rules.clockMs = Math.max(rules.clockMs, record.clockMs);
  return true;
}

/** What the entry reads, or null when it does not count. */
function entryCounts(broker: SimBroker, rules: Rules, record: OrderEntry): Ranges | null {
  if (!rules.positions || record.prev !== rules.head) return null;
  const positions = new Map(rules.positions);
  for (const [name, start] of record.joins ?? []) positions.set(name, BigInt(start));
  const ranges = [];
  for (const [name, from, to] of record.ranges) {
    if (positions.get(name) !== BigInt(from)) return null;
    positions.set(name, BigInt(to));
    const all = broker.partition(parseTopicPartition(name)).records;
    const taken = all.filter(({ offset }) => offset >= BigInt(from) && offset < BigInt(to));
    ranges.push({ name, to: BigInt(to), taken });
  }
  rules.positions = positions;
  rules.head = record.id;
  rules.clockMs = Math.max(rules.clockMs, record.clockMs);
  return ranges;
}

function foldEntryOf(rules: Rules, record: OrderEntry, orderOffset: bigint, ranges: Ranges): FoldEntry {
  const read = ranges.map(({ name }) => name);
  return {
    orderOffset,
    epoch: rules.epoch,
    entryId: record.id,
    clockMs: rules.clockMs,
    batches: ranges.map(({ name, taken, to }) => toBatch(parseTopicPartition(name), taken, to)),
    idle: record.idle.filter((name) => !read.includes(name)),
    partitions: [...(rules.positions?.keys() ?? [])].sort(),
    hasSkip: false,
  };
}

function count(
  totals: Map<string, { count: number; sum: number }>,
  records: readonly SimRecord[],
  epoch: number,
  orderOffset: number,
): SimResult[] {
  const touched = new Set<string>();
  for (const { value } of records) {
    const { key, amount } = JSON.parse(Buffer.from(value ?? []).toString()) as SimEvent;
    const total = totals.get(key) ?? { count: 0, sum: 0 };
    totals.set(key, { count: total.count + 1, sum: total.sum + amount });
    touched.add(key);
  }
  const keys = [...touched].sort();
  return keys.map((key, index) => ({ key, count: 0, sum: 0, ...totals.get(key), epoch, orderOffset, index }));
}

/** Results as a consumer that folds sees them: per partition, the highest position wins and what is not above it is dropped. */
export function consumed(broker: SimBroker, partitions: number): SimResult[] {
  const taken: SimResult[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    let highest: readonly [number, number] = [-1, -1];
    for (const { value } of broker.partition({ topic: resultTopic, partition }).records) {
      const result = JSON.parse(Buffer.from(value ?? []).toString()) as SimResult;
      const isHigher =
        result.orderOffset > highest[0] || (result.orderOffset === highest[0] && result.index > highest[1]);
      if (!isHigher) continue;
      highest = [result.orderOffset, result.index];
      taken.push(result);
    }
  }
  return taken;
}
