import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DlqFlags, RedriveFlags } from './dlq-run.ts';

const rowsMax = 100_000;

/** `millrace dlq`: what could not be used, and sending it again once its cause is gone. Exit 0; 2 when nothing matches. */
export function addDlqCommand(program: Command, env: NodeJS.ProcessEnv): void {
  const dlq = program.command('dlq').description('dead letters and quarantined events: list them, send them again');
  withFilters(dlq.command('list').description('what was refused and not sent again yet, oldest first'))
    .option('--limit <n>', 'so many at most', countOf, 100)
    .option('--again', 'also those that were sent again before')
    .option('--json', 'one JSON object a line, with key and value')
    .addHelpText('after', '\nExamples:\n  millrace dlq list\n  millrace dlq list --quarantine --json | jq .valueBase64')
    .action(async (flags: DlqFlags) => {
      const { runDlqList } = await import('./dlq-run.ts');
      await runDlqList(flags, env);
    });
  withFilters(dlq.command('redrive').description('put them on their topics again, byte for byte; each once'))
    .argument('[ids...]', 'as `millrace dlq list` shows them; absent: all that match')
    .option('--limit <n>', 'so many at most', countOf, 10_000)
    .option('--again', 'also those that were sent again before')
    .option('--dry-run', 'only say how many it would be')
    .addHelpText(
      'after',
      `
They land in the windows of their own event time: as corrections within the allowed lateness, else on the late topic.

Examples:
  millrace dlq redrive --reason state_full
  millrace dlq redrive --quarantine
  millrace dlq redrive payments-2/4711/1764000000000`,
    )
    .action(async (ids: readonly string[], flags: RedriveFlags) => {
      const { runDlqRedrive } = await import('./dlq-run.ts');
      await runDlqRedrive(ids, flags, env);
    });
}

const reasons = ['undecodable', 'invalid', 'unknown_type', 'future', 'state_full', 'failed'];

function withFilters(command: Command): Command {
  return command
    .option('--quarantine', 'events of a newer version instead of dead letters')
    .addOption(new Option('--reason <reason>', 'refused for this reason only').choices(reasons))
    .option('--topic <topic>', 'from this topic only')
    .option('-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)');
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > rowsMax)
    throw new InvalidArgumentError(`must be a whole number from 1 to ${rowsMax}`);
  return count;
}
