import { type Command, InvalidArgumentError } from 'commander';
import type { SandboxFlags } from './sandbox-run.ts';
import type { VerifyFlags } from './verify-run.ts';

/** `millrace verify`: makes decisions again from the archive. Exit 0 when all are the same, 1 when one is not, 2 when there is none. */
export function addVerifyCommand(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('verify')
    .description('make stored decisions again from the archive and the order log, and compare them')
    .argument('[paymentId]', 'the payment; absent: a sample')
    .option('--sample <n>', 'this many decisions, drawn by a hash of the payment', countOf, 1_000)
    .option('--all', 'every decision')
    .option(
      '--sandbox <name>',
      'make all results of --pipeline again, into the tables of a sandbox, and compare them with the live ones',
    )
    .option('-p, --pipeline <name>', 'with --sandbox: whose results')
    .option('--from <time>', 'with --sandbox: results decided from then on (the state is made from the first record)')
    .option('--to <time>', 'with --sandbox: results decided before then')
    .option('-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)')
    .option('--json', 'nothing but the last line')
    .addHelpText(
      'after',
      `
The last line is JSON: {"decisions":1000,"different":0}

Examples:
  millrace verify p-4711
  millrace verify --sample 10000
  millrace verify --all --json
  millrace verify --sandbox mine --pipeline revenue --from 2026-01-31T00:00:00Z`,
    )
    .action(async (paymentId: string | undefined, flags: VerifyFlags & Partial<SandboxFlags>) => {
      if (flags.sandbox !== undefined) {
        const { runSandbox } = await import('./sandbox-run.ts');
        return runSandbox({ ...flags, sandbox: flags.sandbox }, env);
      }
      const { runVerify } = await import('./verify-run.ts');
      await runVerify(paymentId, flags, env);
    });
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 4_000_000_000)
    throw new InvalidArgumentError('must be a whole number from 1');
  return count;
}
