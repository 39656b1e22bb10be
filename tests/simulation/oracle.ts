import { crc32 } from 'node:zlib';
import { parseTopicPartition } from '../../sources/source.ts';
import type { OrderClaim, OrderEntry, OrderRange, OrderRecord } from '../../tasks/contract.ts';
import { toBatch } from './broker.ts';
import type { SimBroker, SimRecord } from './broker.ts';
import { chainOf } from './fold.ts';
import { OracleModel } from './oracle-model.ts';
import type { Applied, AppliedRecord, OracleRow, OracleRules } from './oracle-model.ts';

/**
 * What the order log of one shard means, worked out again with none of the engine's code: design rules 1 to 3 over plain
 * values, and the model of the pipeline behind them. Follows the log as it grows, and from one incarnation into the next.
 */
export class Oracle {
  claims = 0;
  claimsLost = 0;
  copies = 0;
  ignored = 0;
  readonly #shard: number;
  readonly #topic: string;
  readonly #rules: OracleRules;
  #broker: SimBroker;
  #next = 0;
  readonly #ids = new Set<string>();
  #log: LogState = nothingYet;
  /** What counts, of the timeline that is alive; entries with what the engine's hash of all must be. */
  #timeline: Applied[] = [];
  #rows: (readonly OracleRow[])[] = [];
  #model: OracleModel;
  #chain = 0;
  readonly #chains = new Map<string, number>();
  /** The timeline as it was before the log lost its end: a snapshot may still know it. */
  #lost: readonly Applied[] | null = null;
  /** Rows of entries that a later epoch does not continue. They may be found, they need not. */
  readonly #abandoned = new Set<string>();

  constructor(broker: SimBroker, topic: string, shard: number, rules: OracleRules) {
    this.#broker = broker;
    this.#topic = topic;
    this.#shard = shard;
    this.#rules = rules;
    this.#model = new OracleModel(rules);
  }

  /** Reads what the log has got since. */
  advance(): void {
    const { records } = this.#broker.partition({ topic: this.#topic, partition: this.#shard });
    for (let record = records[this.#next]; record; record = records[++this.#next]) this.#read(record);
  }

  /** The log is another one: of a new broker. What counted may still be what an epoch starts from. */
  follow(broker: SimBroker): void {
    this.#broker = broker;
    this.#next = 0;
    this.#log = nothingYet;
  }

  /** The log has lost its end: read again what is left. */
  reread(): void {
    this.#next = 0;
    this.#log = nothingYet;
    this.#lost = this.#timeline;
    this.#keep(() => false);
    this.advance();
  }

  chainAt(epoch: number, orderOffset: bigint, entryId: string): number | undefined {
    return this.#chains.get(`${epoch}/${orderOffset}/${entryId}`);
  }
  position(partition: string): bigint | undefined {
    return this.#log.positions?.get(partition);
  }
  epoch(): number {
    return this.#log.epoch;
  }
  entries(): number {
    return this.#timeline.length;
  }
  counters(): OracleModel['counters'] {
    return this.#model.counters;
  }
  hasOpen(): boolean {
    return this.#model.hasOpen();
  }
  /** Of rows that were ever to be published. */
  texts(): string[] {
    return [...this.#abandoned, ...this.rows().map(({ text }) => text)];
  }
  isAbandoned(text: string): boolean {
    return this.#abandoned.has(text);
  }
  rows(): readonly OracleRow[] {
    return this.#rows.flat();
  }
  /** How many outputs each entry before an order offset of an epoch has. */
  *outputsBefore(epoch: number, orderOffset: bigint): Generator<readonly [entry: string, outputs: number]> {
    for (const [i, at] of this.#timeline.entries()) {
      const isBefore = at.epoch < epoch || (at.epoch === epoch && at.orderOffset < orderOffset);
      if (isBefore) yield [`${this.#shard}/${at.epoch}/${at.orderOffset}`, this.#rows[i]?.length ?? 0];
    }
  }

  #read({ value, offset }: SimRecord): void {
    const record = JSON.parse(Buffer.from(value ?? []).toString()) as OrderRecord;
    if (this.#ids.has(record.id)) this.copies++;
    this.#ids.add(record.id);
    if (record.kind === 'claim') return this.#readClaim(record);
    const entry = record.kind === 'entry' ? this.#judge(record, offset) : null;
    if (entry) return this.#apply(entry);
    this.ignored++;
  }

  #readClaim(claim: OrderClaim): void {
    const log = this.#log;
    const { genesis } = claim;
    const isGenesis = genesis !== undefined && (log.positions === null || genesis.epoch > log.epoch);
    if (claim.replaces !== log.lastClaim || (log.positions === null && !isGenesis)) {
      this.claimsLost += claim.id === log.lastClaim ? 0 : 1;
      this.ignored++;
      return;
    }
    this.claims++;
    const clockMs = Math.max(log.clockMs, claim.clockMs);
    this.#log = { ...log, lastClaim: claim.id, head: claim.id, clockMs };
    if (!isGenesis) return;
    const positions = new Map(Object.entries(genesis.starts).map(([name, at]) => [name, BigInt(at)] as const));
    const at = /\.e(\d+)\.s\d+\.o(\d+)/.exec(genesis.base?.name ?? '');
    const [epoch, orderOffset] = at ? [Number(at[1]), BigInt(at[2] ?? 0)] : [-1, 0n];
    this.#keep((entry) => entry.epoch < epoch || (entry.epoch === epoch && entry.orderOffset < orderOffset));
    if (at) this.#lost = null;
    const baseMs = this.#timeline.at(-1)?.clockMs ?? 0;
    this.#log = { ...this.#log, positions, epoch: genesis.epoch, isGap: genesis.gap !== undefined };
    this.#log = { ...this.#log, clockMs: Math.max(clockMs, baseMs) };
  }

  /** The timeline goes on from these entries, as if the others had never been. */
  #keep(isKept: (entry: Applied) => boolean): void {
    const kept = (this.#lost ?? this.#timeline).filter(isKept);
    for (const [i, rows] of this.#rows.entries())
      if (!isKept(this.#timeline[i] as Applied)) for (const { text } of rows) this.#abandoned.add(text); // as long
    this.#timeline = [];
    this.#rows = [];
    this.#chain = 0;
    this.#model = new OracleModel(this.#rules);
    for (const entry of kept) this.#apply(entry);
  }

  #apply(entry: Applied): void {
    this.#timeline.push(entry);
    this.#rows.push(this.#model.apply(entry));
    this.#chain = chainOf(this.#chain, { ...entry, batches: batchesOf(entry) });
    this.#chains.set(`${entry.epoch}/${entry.orderOffset}/${entry.entryId}`, this.#chain);
  }

  /** The entry with what it reads, or null when it does not count. */
  #judge(record: OrderEntry, orderOffset: bigint): Applied | null {
    const log = this.#log;
    if (!log.positions || record.prev !== log.head) return null;
    const positions = new Map(log.positions);
    for (const [name, start] of record.joins ?? []) positions.set(name, BigInt(start));
    for (const [name, from, to] of record.skips ?? []) {
      if (positions.get(name) !== BigInt(from)) return null;
      positions.set(name, BigInt(to));
    }
    const records: AppliedRecord[] = [];
    for (const range of record.ranges) {
      const [name, from, to] = range;
      if (positions.get(name) !== BigInt(from)) return null;
      positions.set(name, BigInt(to));
      for (const { offset, timestampMs, value } of this.#recordsOf(range))
        records.push({ partition: name, offset, timestampMs, text: Buffer.from(value ?? []).toString() });
    }
    const clockMs = Math.max(log.clockMs, record.clockMs);
    const read = record.ranges.map(([name]) => name);
    const idle = record.idle.filter((name) => !read.includes(name));
    const hasSkip = log.isGap || (record.skips ?? []).length > 0;
    this.#log = { ...log, positions, head: record.id, clockMs, isGap: false };
    const partitions = [...positions.keys()].sort();
    const { epoch } = log;
    return { shard: this.#shard, epoch, orderOffset, entryId: record.id, clockMs, idle, partitions, hasSkip, records };
  }

  /** The records that were ordered, which a topic that was made anew since has no more: the sum tells. */
  #recordsOf([name, from, to, count, crc]: OrderRange): readonly SimRecord[] {
    const isIn = ({ offset }: SimRecord): boolean => offset >= BigInt(from) && offset < BigInt(to);
    const found = this.#broker.partition(parseTopicPartition(name)).records.filter(isIn);
    const last = found.at(-1);
    const isSame = found.length === count && (last ? crc32(last.value ?? '', crc32(last.key ?? '')) : 0) === crc;
    return isSame ? found : this.#broker.former(name).filter(isIn);
  }
}

interface LogState {
  readonly lastClaim: string | null;
  readonly head: string | null;
  readonly epoch: number;
  readonly clockMs: number;
  readonly positions: ReadonlyMap<string, bigint> | null;
  readonly isGap: boolean;
}

const nothingYet: LogState = { lastClaim: null, head: null, epoch: 0, clockMs: 0, positions: null, isGap: false };

const batchesOf = ({ records }: Applied) =>
  records.map(({ partition, offset, timestampMs, text }) => {
    const one = { offset, timestampMs, key: null, value: Buffer.from(text) };
    return toBatch(parseTopicPartition(partition), [one], offset + 1n);
  });
