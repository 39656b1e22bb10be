import { loadConfig } from '../config/load.ts';
import { configFileOf } from './config-file.ts';
import { openClickHouse } from './open-clickhouse.ts';
import { UsageError, exitCodes } from './options.ts';
import { processorsOf } from './start/processors-of.ts';
import { type Verified, verifyDecisions } from './verify-decisions.ts';

/** The flags of `millrace verify`, as commander gives them. */
export interface VerifyFlags {
  readonly sample: number;
  readonly all?: boolean;
  readonly config?: string;
  readonly json?: boolean;
}

/** Differences told one by one; further ones are only counted. */
const linesMax = 20;
const allDecisions = 4_000_000_000;

/** Runs `millrace verify` and leaves its exit code. */
export async function runVerify(
  paymentId: string | undefined,
  flags: VerifyFlags,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  const processor = processorsOf(config).find(({ name }) => name === 'fraud');
  if (!processor) throw new UsageError('the pipeline fraud is switched off: there are no decisions to verify');
  const client = await openClickHouse(config, env);
  let lines = 0;
  const say = (line: string) => {
    if (!flags.json && ++lines <= linesMax) process.stderr.write(`${line}\n`);
  };
  try {
    const decisionsMax = paymentId !== undefined || flags.all ? allDecisions : flags.sample;
    const verified = await verifyDecisions({ client, config, env, processor, paymentId, decisionsMax, say });
    if (lines > linesMax) process.stderr.write(`and ${lines - linesMax} more\n`);
    if (verified.decisions + verified.unverified === 0)
      throw new UsageError(
        paymentId === undefined ? 'no decision is stored yet' : `no decision on a payment ${paymentId} is stored`,
      );
    process.stdout.write(`${lineOf(verified)}\n`);
    if (verified.different + verified.changedRanges > 0) process.exitCode = exitCodes.failed;
  } finally {
    await client.close();
  }
}

/** What is not there is not said. */
function lineOf({ decisions, different, unverified, changedRanges }: Verified): string {
  return JSON.stringify({
    ...{ decisions, different },
    ...(unverified > 0 && { unverified }),
    ...(changedRanges > 0 && { changedRanges }),
  });
}
