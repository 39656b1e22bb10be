import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ReplayFlags } from './replay-run.ts';

/** `millrace replay`: sends a file's rows to a topic as events. Exit 0; 2 for a file or broker that is not there, 78 for a bad mapping, 1 when it fails on the way. */
export function addReplayCommand(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('replay')
    .description('send the rows of a CSV or JSON Lines file to a topic, as events of their own time')
    .requiredOption('-t, --topic <topic>', 'where to, e.g. payments')
    .requiredOption('-f, --file <file>', 'what to read, plain or gzip')
    .requiredOption('-m, --map <mapping>', 'how a row becomes an event: a YAML file, or the name of a shipped one')
    .addOption(new Option('--format <format>', 'csv or jsonl (default: by the name)').choices(['csv', 'jsonl']))
    .option('--speed <n|max>', 'multiple of event time (60: a minute in a second), or max', speedOf, 'max' as const)
    .option('--limit <rows>', 'read this many rows only', wholeOf)
    .option('--strict', 'stop at the first bad row')
    .option('--brokers <list>', 'host:port of the brokers (default: as configured)')
    .option('--gate <host:port>', 'gate of an embedded broker, as its start printed it (default: as configured)')
    .option('-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)')
    .option('--json', 'print the outcome as JSON')
    .addHelpText(
      'after',
      `
Shipped mappings: handbook-payments, handbook-labels, sparkov-payments, globo-clicks (config/mappings/).

Examples:
  millrace replay --topic payments --file transactions.csv.gz --map handbook-payments
  millrace replay --topic payments --file mine.jsonl --map mine.yaml --speed 60 --limit 10000
  millrace replay --topic payments --file mine.csv --map mine.yaml --json | jq .bad`,
    )
    .action(async (flags: ReplayFlags) => {
      // The clients that it needs are loaded only now: no other command waits for them.
      const { runReplay } = await import('./replay-run.ts');
      await runReplay(flags, env);
    });
}

function speedOf(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const speed = Number(text);
  if (!(speed > 0 && Number.isFinite(speed))) throw new InvalidArgumentError('must be max or a number above 0');
  return speed;
}

function wholeOf(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
}
