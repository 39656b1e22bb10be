import { simulate } from './run.ts';
import type { Disaster, Mutant, SimulationOptions } from './world.ts';

/** Every seventh seed has one of them. */
const disasters: readonly Disaster[] = ['log_truncated', 'topic_recreated', 'new_broker', 'log_cut'];

/** What a seed decides beside the faults. */
export const optionsOf = (seed: number): SimulationOptions => ({
  seed,
  kind: seed % 2 === 0 ? 'group' : 'solo',
  processes: 2 + (Math.floor(seed / 2) % 2),
  sinks: 1 + (Math.floor(seed / 3) % 2),
  depth: 1 + (seed % 4),
  shards: seed % 5 === 0 && seed % 7 !== 0 ? 2 : 1,
  chaosMs: 1_500,
  disaster: seed % 7 === 0 ? (disasters[Math.floor(seed / 7) % disasters.length] ?? 'none') : 'none',
});

/** Everything that goes wrong somewhere in enough seeds; each is counted where it happens. */
export const faultKinds: readonly string[] = [
  // Processes.
  ...['crash', 'pause', 'clock', 'clock_back', 'power_cut'],
  // Kafka, and who may do what in it.
  ...['unavailable', 'lost_before', 'lost_after', 'late', 'entry_doubled', 'output_lost', 'hole', 'duplicate_event'],
  ...['rebalance', 'zombie', 'claim_raced', 'snapshot_by_another'],
  // Where an operator has to step in.
  ...['log_truncated', 'log_cut', 'topic_recreated', 'new_broker'],
  // The disk of the snapshots.
  ...['disk_full', 'disk_torn', 'rot'],
  // ClickHouse and its sink.
  ...['insert_lost', 'insert_ack_lost', 'insert_slow', 'insert_repeated', 'clickhouse_full'],
  ...['sink_crash', 'sink_pause', 'sink_rebalance', 'commit_lost', 'zombie_commit'],
];

/** The same for a mutant: where its rule matters most. */
export const mutantOptionsOf = (seed: number, mutant: Mutant): SimulationOptions => ({
  ...optionsOf(seed),
  ...{ depth: 4, shards: 1, disaster: 'none', mutant },
});

/** The first of these seeds that notices the mutant and what it found, or null. */
export async function firstCaught(
  mutant: Mutant,
  first: number,
  seeds: number,
): Promise<{ readonly seed: number; readonly wrong: readonly string[] } | null> {
  for (let seed = first; seed < first + seeds; seed++) {
    const { wrong } = await simulate(mutantOptionsOf(seed, mutant));
    if (wrong.length > 0) return { seed, wrong };
  }
  return null;
}
