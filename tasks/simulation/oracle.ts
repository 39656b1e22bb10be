import { parseTopicPartition } from '../../sources/source.ts';
import type { FoldEntry, OrderRecord } from '../contract.ts';
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

  const claim = (record: OrderRecord & { kind: 'claim' }): boolean => {
    if (record.replaces !== rules.lastClaim) return false;
    if (!rules.positions) {
      if (!record.genesis) return false;
      rules.epoch = record.genesis.epoch;
      rules.positions = new Map(Object.entries(record.genesis.starts).map(([name, at]) => [name, BigInt(at)]));
    }
    rules.lastClaim = rules.head = record.id;
    rules.clockMs = Math.max(rules.clockMs, record.clockMs);
    claims++;
    return true;
  };
  const entry = (record: OrderRecord & { kind: 'entry' }, orderOffset: bigint): boolean => {
    if (!rules.positions || record.prev !== rules.head) return false;
    const positions = new Map(rules.positions);
    for (const [name, start] of record.joins ?? []) positions.set(name, BigInt(start));
    const events: { readonly name: string; readonly taken: SimRecord[]; readonly to: bigint }[] = [];
    for (const [name, from, to] of record.ranges) {
      if (positions.get(name) !== BigInt(from)) return false;
      positions.set(name, BigInt(to));
      const all = broker.partition(parseTopicPartition(name)).records;
      events.push({
        name,
        to: BigInt(to),
        taken: all.filter((r) => r.offset >= BigInt(from) && r.offset < BigInt(to)),
      });
    }
    rules.positions = positions;
    rules.head = record.id;
    rules.clockMs = Math.max(rules.clockMs, record.clockMs);
    const read = events.map(({ name }) => name);
    const folded: FoldEntry = {
      orderOffset,
      epoch: rules.epoch,
      entryId: record.id,
      clockMs: rules.clockMs,
      batches: events.map(({ name, taken, to }) => toBatch(parseTopicPartition(name), taken, to)),
      idle: record.idle.filter((name) => !read.includes(name)),
      partitions: [...positions.keys()].sort(),
      hasSkip: false,
    };
    chain = chainOf(chain, folded);
    chains.set(orderOffset, chain);
    results.push(
      ...count(
        totals,
        events.flatMap(({ taken }) => taken),
        rules.epoch,
        Number(orderOffset),
      ),
    );
    return true;
  };

  return {
    advance() {
      for (; next < log.records.length; next++) {
        const { value, offset } = log.records[next] ?? { value: null, offset: 0n };
        const record = JSON.parse(Buffer.from(value ?? []).toString()) as OrderRecord;
        if (!(record.kind === 'claim' ? claim(record) : entry(record, offset))) ignored++;
      }
    },
    chainAt: (orderOffset) => chains.get(orderOffset),
    results: () => results,
    position: (partition) => rules.positions?.get(partition),
    nextOffset: () => BigInt(next),
    claims: () => claims,
    ignored: () => ignored,
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
