import type { SnapshotId } from '../../checkpoints/store.ts';
import { parseTopicPartition, topicPartitionName } from '../../sources/source.ts';
import type { FoldEntry } from '../../tasks/contract.ts';
import type { OracleRow } from './oracle-model.ts';
import { consumed, storedRow } from './rows.ts';
import { orderTopic, resultPartitions, sinkPartitions } from './world.ts';
import type { World } from './world.ts';

/** What `made` of the world knows an entry by. */
export const madeAt = (shard: number, epoch: number, orderOffset: bigint, entryId: string): string =>
  `${shard}/${epoch}/${orderOffset} ${entryId}`;

/** Everyone who folds an entry must have been handed the same up to it, and what the oracle found there; and must have made the same. */
export function checkEntry(world: World, shard: number, entry: FoldEntry, chain: number, made: number): void {
  const { epoch, orderOffset, entryId } = entry;
  const at = madeAt(shard, epoch, orderOffset, entryId);
  const oracle = world.oracles[shard];
  oracle?.advance();
  if (oracle?.chainAt(epoch, orderOffset, entryId) !== chain) world.wrong.add(`ORACLE differs at ${at}`);
  const first = world.made.get(at);
  if (first === undefined) world.made.set(at, made);
  else if (first !== made) world.wrong.add(`OUTPUTS differ at ${at}`);
}

/** No snapshot is ahead of the outputs that the broker has. */
export function checkOutputs(world: World, { shard, epoch, orderOffset }: SnapshotId): void {
  const oracle = world.oracles[shard];
  oracle?.advance();
  for (const [entry, outputs] of oracle?.outputsBefore(epoch, orderOffset) ?? [])
    if (outputs > (world.published.get(entry)?.size ?? 0))
      world.wrong.add(`SNAPSHOT at ${shard}/${epoch}/${orderOffset} without the outputs of ${entry}`);
}

/** Null once everything is ordered, published and stored, and what is stored is what the oracle says. */
export function whyNotSettled(world: World): string | null {
  const { oracles, members } = world;
  for (const oracle of oracles) oracle.advance();
  for (const { service } of members) {
    const parked = service.status().shards.find((shard) => shard.parked)?.parked;
    if (parked) return `parked: ${parked.code} ${parked.message}`;
  }
  return notOrdered(world) ?? notStored(world) ?? tableFault(world);
}

function notOrdered({ oracles, broker, options, epoch }: World): string | null {
  for (let partition = 0; partition < broker.count('in'); partition++) {
    const oracle = oracles[partition % options.shards];
    const position = oracle?.position(`in-${partition}`);
    if (position !== broker.partition({ topic: 'in', partition }).endOffset)
      return `in-${partition} is ordered up to ${position}`;
    if (oracle && oracle.epoch() < epoch.current) return `epoch ${epoch.current} is not open`;
    if (oracle?.hasOpen()) return 'windows are open though all is silent';
  }
  return null;
}

function notStored(world: World): string | null {
  for (const { loop } of world.sinks) {
    const { state, detail } = loop.status();
    if (state !== 'running') return `a sink is ${state}: ${detail}`;
  }
  for (const tp of sinkPartitions(world)) {
    const name = topicPartitionName(tp);
    // Entries and their ticks never end.
    const { endOffset } = world.broker.partition(tp);
    if (tp.topic !== orderTopic && endOffset > 0n && world.committed.get(name) !== endOffset)
      return `${name} is stored up to ${world.committed.get(name)}, not ${endOffset}`;
  }
  return null;
}

const tables = ['window_results', 'late_records', 'dead_letters'] as const;

/** The tables against the oracle, row by row, in all that they hold. */
function tableFault({ oracles, clickhouse, options, epoch }: World): string | null {
  const expected = new Map<string, OracleRow>();
  for (const oracle of oracles) for (const row of oracle.rows()) expected.set(row.identity, row);
  // A broker that is gone took with it what was not stored yet; another epoch may leave rows of one that was given up.
  const isLost = (row: OracleRow): boolean => options.disaster === 'new_broker' && row.epoch < epoch.current;
  const known = new Set(options.disaster === 'none' ? [] : oracles.flatMap((oracle) => oracle.texts()));
  let missing = expected.size;
  for (const table of tables)
    for (const stored of clickhouse.rows(table)) {
      const { identity, text } = storedRow(table, stored);
      const wanted = expected.get(identity);
      if (wanted) missing--;
      if (wanted?.text === text || ((!wanted || isLost(wanted) || isAbandoned(oracles, text)) && known.has(text)))
        continue;
      return `TABLE ${identity}: ${text}, not ${wanted?.text ?? 'there'}`;
    }
  if (clickhouse.rows('sink_rejects').length > 0) return 'TABLE sink_rejects is not empty';
  const isStored = new Set(
    tables.flatMap((table) => clickhouse.rows(table).map((row) => storedRow(table, row).identity)),
  );
  const lacking =
    missing === 0 ? [] : [...expected.values()].filter((row) => !isStored.has(row.identity) && !isLost(row));
  return lacking.length === 0 ? null : `TABLE lacks ${lacking.length} rows, as ${lacking[0]?.text}`;
}

const isAbandoned = (oracles: World['oracles'], text: string): boolean =>
  oracles.some((oracle) => oracle.isAbandoned(text));

/** What can be looked at once all is settled. */
export function checkSettled(world: World): void {
  const { options, oracles, broker, wrong, members } = world;
  if (options.disaster !== 'none') return;
  const rows = oracles.flatMap((oracle) => oracle.rows().map(({ text }) => text)).sort();
  const seen = consumed(broker, resultPartitions).sort();
  if (rows.join('\n') !== seen.join('\n')) wrong.add(`CONSUMER has ${seen.length} results of ${rows.length}`);
  for (const tp of sinkPartitions(world)) if (tp.topic === 'in') checkArchive(world, tp.partition);
  for (const { service } of members)
    for (const { shard, state, counters, inputs } of service.status().shards) {
      // Another one may still take itself for the owner, and have read less.
      const isAtEnd = Object.entries(inputs).every(
        ([name, { nextOffset }]) => broker.partition(parseTopicPartition(name)).endOffset === BigInt(nextOffset),
      );
      if (state !== 'owner' || !isAtEnd) continue;
      const wanted = oracles[shard]?.counters() ?? {};
      const isSame = Object.entries(wanted).every(([name, value]) => counters[name] === value);
      if (!isSame) wrong.add(`COUNTERS ${JSON.stringify(counters)}, not ${JSON.stringify(wanted)}`);
    }
}

/** Every input record is archived, and each row names the record before it. */
function checkArchive({ clickhouse, broker, wrong }: World, partition: number): void {
  const rows = new Map(
    clickhouse.rows('events').flatMap((row) => (row['partition'] === partition ? [[row['offset'], row] as const] : [])),
  );
  const { records } = broker.partition({ topic: 'in', partition });
  for (const [i, { offset, value }] of records.entries()) {
    const row = rows.get(offset);
    const previous = records[i - 1]?.offset ?? -1n;
    const isSame =
      row?.['value'] === Buffer.from(value ?? []).toString('latin1') && row['previous_offset'] === previous;
    if (!isSame) return void wrong.add(`ARCHIVE in-${partition}@${offset} after ${String(row?.['previous_offset'])}`);
  }
  if (rows.size !== records.length) wrong.add(`ARCHIVE in-${partition} has ${rows.size} of ${records.length}`);
}
