import { orderTopic, rekeyTopic, resultTopics, type PipelineTopics } from '../../events/topics.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { fraction } from '../crash/fraction.ts';
import { numberedTopics } from '../crash/rig.ts';
import type { Trial } from '../crash/trial.ts';
import { flowing, untilFolding } from './flow.ts';
import { checkOrderLogs, checkResults } from './log-checks.ts';
import { numberOf } from './scale-out.ts';
import type { Found } from './scenarios.ts';

const shards = 4;
const rekeyed = rekeyTopic(numberedTopics.name, numberedTopics.version);
const router: PipelineTopics = { ...numberedTopics, name: `${numberedTopics.name}-router` };

/** A router of four shards, and four tasks behind it. */
export const rekeyEnv = { NUMBERED_SHARDS: String(shards), NUMBERED_ROUTED: '1' } as const;
export const rekeyPipelines: readonly PipelineTopics[] = [router, { ...numberedTopics, inputs: [rekeyed] }];

/** kill -9 of both again and again: what routers send again is known and dropped. */
export async function rekey(trial: Trial, kills: number): Promise<Found> {
  await flowing(trial);
  const { service } = trial.rig;
  for (let i = 0; i < kills; i++) {
    await systemClock.sleep(2_000 + 3_000 * fraction(trial.options.seed, i), trial.signal);
    await service.kill('SIGKILL');
    service.start();
    await trial.until(() => service.status()?.isOwner === true, 'it owns its tasks again');
  }
  await untilFolding(trial);
  await trial.finish();
  const reader = await trial.rig.kafka.reader();
  try {
    const logs = [];
    for (const { name, version, inputs } of rekeyPipelines)
      logs.push(await checkOrderLogs(reader, { order: orderTopic(name, version), input: inputs[0] ?? '', shards }));
    const sent = await checkResults(reader, rekeyed, routedNumber);
    const results = await checkResults(reader, resultTopics.windows);
    const faults = [...logs.flatMap((log) => log.faults), ...sent.faults, ...results.faults].slice(0, examplesMax);
    return { numbers: { kills, sentAgain: sent.repeats, resultsAgain: results.repeats }, faults };
  } finally {
    await reader.close();
  }
}

const examplesMax = 5;

/** The number of the payment that a router sent on; null for what is none. */
function routedNumber(value: Buffer): number | null {
  const { kind, valueBase64 } = JSON.parse(value.toString()) as {
    readonly kind: string;
    readonly valueBase64?: string;
  };
  return kind === 'routed' ? numberOf(Buffer.from(valueBase64 ?? '', 'base64')) : null;
}
