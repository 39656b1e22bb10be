import { loadConfig } from '../config/load.ts';
import type { Decision, RuleVerdict } from '../events/decisions.ts';
import { type StoredDecision, storedDecisions } from '../sinks/clickhouse/stored-decisions.ts';
import { configFileOf } from './config-file.ts';
import { openClickHouse } from './open-clickhouse.ts';
import { UsageError } from './options.ts';
import { processorsOf } from './start/processors-of.ts';

/** The flags of `millrace explain`, as commander gives them. */
export interface ExplainFlags {
  readonly config?: string;
  readonly json?: boolean;
}

const sourcesMax = 100;

/** Runs `millrace explain`; more than one line where several sources have a payment of that id. */
export async function runExplain(paymentId: string, flags: ExplainFlags, env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  const version = processorsOf(config).find(({ name }) => name === 'fraud')?.version ?? 1;
  const client = await openClickHouse(config, env);
  try {
    const from = { client, database: config.clickhouse.database };
    const found = await storedDecisions(from, { pipeline: 'fraud', version, paymentId, rowsMax: sourcesMax });
    if (found.length === 0) throw new UsageError(`no decision on a payment ${paymentId} is stored`);
    for (const decision of found) process.stdout.write(`${flags.json ? asJson(decision) : explanation(decision)}\n`);
  } finally {
    await client.close();
  }
}

function asJson({ paymentSource, paymentId, columns }: StoredDecision): string {
  const { rules, features, ...others } = columns;
  return JSON.stringify({ paymentSource, paymentId, ...others, rules: parsed(rules), features: parsed(features) });
}

const parsed = (text: string | number | null): unknown => JSON.parse(String(text));
const iso = (ms: string | number | null): string => new Date(Number(ms)).toISOString();

/** For a person: outcome, what hit, what was near it, what it was made from. */
function explanation({ paymentSource, paymentId, columns: c }: StoredDecision): string {
  const rules = parsed(c.rules) as readonly RuleVerdict[];
  const features = Object.entries(parsed(c.features) as Decision['features']);
  const widest = Math.max(0, ...features.map(([name]) => name.length));
  const of = (verdict: RuleVerdict['verdict']) => rules.filter((rule) => rule.verdict === verdict);
  return [
    `payment ${paymentId} of ${paymentSource}: ${String(c.outcome).toUpperCase()}, score ${c.score}`,
    `  ${c.amount_minor} ${c.currency} (minor units), card ${c.card_id}, terminal ${c.terminal_id ?? 'unknown'}, at ${iso(c.event_time)}`,
    `  rules hit: ${of('hit').length === 0 ? 'none' : ''}`,
    ...of('hit').map(({ ruleId, weight, reason }) => `    ${ruleId} (${weight}): ${reason}`),
    ...of('error').map(({ ruleId, reason }) => `    ${ruleId} could not be judged: ${reason}`),
    `  rules that did not hit: ${[...of('miss'), ...of('off').map((rule) => ({ ...rule, ruleId: `${rule.ruleId} (off)` }))].map(({ ruleId }) => ruleId).join(', ') || 'none'}`,
    `  rule set ${c.rule_set_version}: review from ${c.review_score}, decline from ${c.decline_score}`,
    '  features as of this payment:',
    ...features.map(([name, value]) => `    ${name.padEnd(widest)}  ${value ?? '-'}`),
    `  read from ${c.topic}-${c.partition} at ${c.offset}, decided at ${iso(c.clock)} by order entry ${c.order_offset} of epoch ${c.epoch}, output ${c.output_index}`,
    `  make it again: millrace verify ${paymentId}`,
  ].join('\n');
}
