import { resultTopics } from '../../events/topics.ts';
import { connectClickHouse } from '../../sinks/clickhouse/connection.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { database, numberedOrder } from '../crash/rig.ts';
import type { ServiceProcess } from '../crash/service-process.ts';
import type { Trial } from '../crash/trial.ts';
import { flow } from './flow.ts';
import { checkOrderLogs, checkResults, checkRising } from './log-checks.ts';
import type { Found } from './scenarios.ts';

const shards = 4;
const input = 'payments';

/** Four tasks, and their state where every host finds it. */
export const scaleOutEnv = { NUMBERED_SHARDS: String(shards), MILLRACE_SNAPSHOTS_STORE: 'clickhouse' } as const;

/** One instance, then four, then two, under load. */
export async function scaleOut(trial: Trial, stageMs: number): Promise<Found> {
  const first = trial.rig.service;
  first.start();
  await shared(trial, [first]);
  flow(trial);
  await systemClock.sleep(stageMs, trial.signal);

  const [second, third, fourth] = [trial.rig.addService(), trial.rig.addService(), trial.rig.addService()];
  for (const one of [second, third, fourth]) one.start();
  const toFourMs = await shared(trial, [first, second, third, fourth]);
  await systemClock.sleep(stageMs, trial.signal);

  const gone = Promise.all([first.kill('SIGTERM'), second.kill('SIGKILL')]);
  const toTwoMs = await shared(trial, [third, fourth]);
  await gone;
  await systemClock.sleep(stageMs, trial.signal);

  await trial.finish();
  const { faults, numbers } = await found(trial);
  return { numbers: { toFourMs, toTwoMs, ...numbers }, faults };
}

/** Every shard is owned by one of these, and each of them owns as many as the others. Gives how long it took. */
async function shared(trial: Trial, services: readonly ServiceProcess[]): Promise<number> {
  const sinceMs = systemClock.nowMs();
  const each = shards / services.length;
  const isShared = (): boolean => {
    const owned = services.map((service) => service.status()?.owned ?? []);
    return owned.every(({ length }) => length === each) && new Set(owned.flat()).size === shards;
  };
  await trial.until(isShared, `${services.length} instances own ${each} of ${shards} tasks each`);
  return systemClock.nowMs() - sinceMs;
}

/** One writer a task, every record ordered once, and numbers that rise: in the input, the archive and the results. */
async function found({ rig }: Trial): Promise<Found> {
  const reader = await rig.kafka.reader();
  try {
    const logs = await checkOrderLogs(reader, { order: numberedOrder, input, shards });
    const rising = await checkRising(reader, input, numberOf);
    const results = await checkResults(reader, resultTopics.windows);
    const archived = await archivedFaults(rig.clickhouse.url);
    const faults = [...logs.faults, ...rising, ...results.faults, ...archived];
    return {
      numbers: { claims: logs.claims, ignored: logs.ignored, repeats: results.repeats },
      faults: faults.length > examplesMax ? [...faults.slice(0, examplesMax), `${faults.length} in all`] : faults,
    };
  } finally {
    await reader.close();
  }
}

const examplesMax = 5;

/** Of a payment's id, `n-<number>`; of a card that closes windows, none. */
export function numberOf(value: Buffer): number | null {
  const { id, cardId } = JSON.parse(value.toString()) as { readonly id: string; readonly cardId: string };
  return cardId.startsWith('card-') ? Number(id.slice('n-'.length)) : null;
}

async function archivedFaults(url: string): Promise<readonly string[]> {
  const client = connectClickHouse({ url });
  const query = `SELECT count(), countIf(number < before) FROM (
    SELECT toInt64(substring(JSONExtractString(ifNull(value, ''), 'id'), 3)) AS number,
      lagInFrame(number, 1, number) OVER (PARTITION BY partition, key ORDER BY offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
    FROM ${database}.events FINAL WHERE topic = '${input}')`;
  try {
    const [counts] = await (await client.query({ query, format: 'JSONCompactEachRow' })).json<[string, string]>();
    if (!counts || Number(counts[0]) === 0) return ['nothing is archived'];
    return Number(counts[1]) === 0 ? [] : [`archived ${input}: ${counts[1]} of ${counts[0]} numbers fall`];
  } finally {
    await client.close();
  }
}
