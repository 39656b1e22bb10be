import type { ClickHouseClient } from '@clickhouse/client';
import type { Config } from '../config/schema.ts';
import type { Decision } from '../events/decisions.ts';
import { resultTopics } from '../events/topics.ts';
import type { AnyProcessor } from '../processors/index.ts';
import {
  decisionColumns,
  type DecisionColumns,
  differingColumns,
  type StoredDecision,
  storedDecisions,
} from '../sinks/clickhouse/stored-decisions.ts';
import type { FoldOutput } from '../tasks/contract.ts';
import { type RecomputedShards, recomputeArchived } from './recompute-archived.ts';

export interface VerifyOptions {
  readonly client: ClickHouseClient;
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  /** Whose decisions. */
  readonly processor: AnyProcessor;
  /** Decisions on this payment only. */
  readonly paymentId?: string | undefined;
  /** So many decisions, drawn by a hash of the payment. */
  readonly decisionsMax: number;
  /** Told what differs, a line each. */
  readonly say: (line: string) => void;
}

export interface Verified {
  /** Stored decisions that were made again and compared. */
  readonly decisions: number;
  /** Not made again, or with another value. */
  readonly different: number;
  /** Their order entry or inputs are not in the archive: nothing can be said. */
  readonly unverified: number;
  /** Archived ranges whose count or CRC is not what was ordered. */
  readonly changedRanges: number;
  /** The payments of the different ones. */
  readonly differentPayments: readonly string[];
}

/**
 * Makes stored decisions again, from the archive and the order log alone, and compares every column: features and rules word
 * for word. Reads only; nothing is produced.
 */
export async function verifyDecisions(options: VerifyOptions): Promise<Verified> {
  const { client, config, processor } = options;
  const from = { client, database: config.clickhouse.database };
  const stored = await storedDecisions(from, {
    ...{ pipeline: processor.name, version: processor.version, rowsMax: options.decisionsMax },
    ...(options.paymentId !== undefined && { paymentId: options.paymentId }),
  });
  if (stored.length === 0)
    return { ...{ decisions: 0, different: 0, unverified: 0 }, changedRanges: 0, differentPayments: [] };
  const again = await makeAgain(options, new Set(stored.map(identityOf)));
  const differentPayments: string[] = [];
  let unverified = 0;
  for (const decision of stored) {
    const made = again.decisions.get(identityOf(decision));
    if (!made && !again.isReached(decision)) {
      unverified += 1;
      continue;
    }
    const why = made ? differenceOf(decision, made) : 'is not made again';
    if (why === null) continue;
    differentPayments.push(decision.paymentId);
    options.say(`different: payment ${decision.paymentId} of ${decision.paymentSource} ${why}`);
  }
  const { length: different } = differentPayments;
  const decisions = stored.length - unverified;
  return { decisions, different, unverified, changedRanges: again.changedRanges, differentPayments };
}

interface Again {
  /** The newest of each identity. */
  readonly decisions: ReadonlyMap<string, DecisionColumns>;
  readonly isReached: RecomputedShards['isReached'];
  readonly changedRanges: number;
}

async function makeAgain(options: VerifyOptions, wanted: ReadonlySet<string>): Promise<Again> {
  const { client, config, env, processor, say } = options;
  const decisions = new Map<string, DecisionColumns>();
  let changedRanges = 0;
  const { gaps, isReached } = await recomputeArchived({
    ...{ client, config, env, processor },
    onOutputs: (outputs) => keep(outputs, wanted, decisions),
    onChanged: ([partition, start, end], epoch) => {
      changedRanges += 1;
      say(
        `changed: ${partition} ${start} to ${BigInt(end) - 1n} of epoch ${epoch} is not in the archive as it was ordered`,
      );
    },
  });
  for (const gap of gaps) say(`gap: ${gap}`);
  return { decisions, isReached, changedRanges };
}

function keep(outputs: readonly FoldOutput[], wanted: ReadonlySet<string>, into: Map<string, DecisionColumns>): void {
  for (const { topic, value } of outputs) {
    if (topic !== resultTopics.decisions) continue;
    const decision = JSON.parse(Buffer.from(value).toString()) as Decision;
    const identity = identityOf(decision);
    if (wanted.has(identity)) into.set(identity, decisionColumns(decision));
  }
}

/** Parts of a source or an id hold no control characters (`idField`). */
const identityOf = ({ paymentSource, paymentId }: Pick<StoredDecision, 'paymentSource' | 'paymentId'>): string =>
  `${paymentSource}\u0000${paymentId}`;

function differenceOf({ columns }: StoredDecision, made: DecisionColumns): string | null {
  const names = differingColumns(columns, made);
  if (names.length === 0) return null;
  const [name = 'outcome'] = names;
  const isShort = String(columns[name]).length + String(made[name]).length < 80;
  return `differs in ${names.join(', ')}${isShort ? `: ${name} is ${columns[name]}, and ${made[name]} when made again` : ''}`;
}
