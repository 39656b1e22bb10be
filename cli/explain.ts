import type { Command } from 'commander';
import type { ExplainFlags } from './explain-run.ts';

/** `millrace explain`: why a payment was decided as it was. Exit 0, or 2 when no decision on it is stored. */
export function addExplainCommand(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('explain')
    .description('say why a payment was decided as it was: rules, features, place in the order log')
    .argument('<paymentId>', 'the payment')
    .option('-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)')
    .option('--json', 'print the stored decision as JSON, a line each')
    .addHelpText(
      'after',
      `
Examples:
  millrace explain p-4711
  millrace explain p-4711 --json | jq .features`,
    )
    .action(async (paymentId: string, flags: ExplainFlags) => {
      const { runExplain } = await import('./explain-run.ts');
      await runExplain(paymentId, flags, env);
    });
}
