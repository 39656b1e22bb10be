import type { FoldEntry } from '../../tasks/contract.ts';
import type { SimBroker } from './broker.ts';
import { resultTopic } from './counting-fold.ts';
import type { SimResult } from './counting-fold.ts';
import { consumed } from './oracle.ts';
import { resultPartitions } from './world.ts';
import type { World } from './world.ts';

/** Everyone who folds an entry must have seen the same up to it, and it must be what the oracle made of it. */
export function checkChain(world: World, shard: number, entry: FoldEntry, chain: number): void {
  const at = `${shard}@${entry.orderOffset}`;
  const first = world.chains.get(at);
  if (first === undefined) world.chains.set(at, chain);
  else if (first !== chain) world.wrong.add(`DIVERGED at ${at}`);
  const oracle = world.oracles[shard];
  oracle?.advance();
  if (oracle?.chainAt(entry.orderOffset) !== chain) world.wrong.add(`ORACLE differs at ${at}`);
}

const resultId = (shard: number, { orderOffset, index }: SimResult): string => `${shard}/${orderOffset}/${index}`;

/** No snapshot is ahead of the outputs that the broker has. */
export function checkOutputs(world: World, shard: number, orderOffset: bigint): void {
  if (world.options.shards > 1) return;
  const present = new Set(consumed(world.broker, resultPartitions).map((result) => resultId(shard, result)));
  const oracle = world.oracles[shard];
  oracle?.advance();
  for (const result of oracle?.results() ?? [])
    if (result.orderOffset < Number(orderOffset) && !present.has(resultId(shard, result)))
      world.wrong.add(`SNAPSHOT at ${orderOffset} without output ${result.orderOffset}/${result.index}`);
}

/** Null once everything is ordered, and what the consumers hold is what the oracle says. */
export function whyNotSettled({ oracles, broker, options, members }: World): string | null {
  for (const oracle of oracles) oracle.advance();
  for (let partition = 0; partition < broker.count('in'); partition++) {
    const position = oracles[partition % options.shards]?.position(`in-${partition}`);
    if (position !== broker.partition({ topic: 'in', partition }).endOffset)
      return `in-${partition} is ordered up to ${position}`;
  }
  for (const member of members) {
    const parked = member.service.status().shards.find((shard) => shard.parked);
    if (parked) return `parked: ${parked.parked?.code} ${parked.parked?.message}`;
  }
  if (options.shards > 1)
    return tableOf(oracles.flatMap((o) => o.results())) === tableOf(allResults(broker)) ? null : 'TABLE';
  const expected = oracles[0]?.results() ?? [];
  const byPartition = [...expected].sort(
    (a, b) => partitionOf(a) - partitionOf(b) || a.orderOffset - b.orderOffset || a.index - b.index,
  );
  if (JSON.stringify(byPartition) !== JSON.stringify(consumed(broker, resultPartitions))) return 'RESULTS differ';
  return tableOf(expected) === tableOf(allResults(broker)) ? null : 'TABLE';
}

const partitionOf = ({ key }: SimResult): number => key.charCodeAt(1) % resultPartitions;

function allResults(broker: SimBroker): SimResult[] {
  return Array.from(
    { length: resultPartitions },
    (_, partition) => broker.partition({ topic: resultTopic, partition }).records,
  )
    .flat()
    .map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as SimResult);
}

/** As a store that is idempotent by identity and revision sees it; shards have keys in common, so the position tells rows apart. */
function tableOf(results: readonly SimResult[]): string {
  const rows = new Set(results.map((result) => JSON.stringify(result)));
  return JSON.stringify([...rows].sort());
}
