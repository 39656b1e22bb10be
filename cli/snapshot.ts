import { type Command, InvalidArgumentError } from 'commander';
import { isSnapshotLabel } from '../checkpoints/store.ts';
import type { OperateFlags } from './snapshot-run.ts';

const configOption = [
  '-c, --config <file>',
  'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)',
] as const;
const pipelineOption = ['--pipeline <name>', 'this pipeline only (default: all that run)'] as const;

/** `millrace snapshot`, `restore` and `gap`: what a person tells the tasks. Exit 0; 1 when it was not done, 2 for what is not there. */
export function addSnapshotCommands(program: Command, env: NodeJS.ProcessEnv): void {
  const snapshot = program.command('snapshot').description('what tasks can go on from: list, and take one by name');
  snapshot
    .command('list')
    .description('the snapshots of every pipeline, newest first; needs no running millrace')
    .option(...pipelineOption)
    .option(...configOption)
    .option('--json', 'one JSON object a line')
    .action(async (flags: OperateFlags) => {
      const { runSnapshotList } = await import('./snapshot-run.ts');
      await runSnapshotList(flags, env);
    });
  snapshot
    .command('create')
    .description('have the running tasks take a snapshot now, under a name; it is kept for good')
    .argument('<name>', 'letters, digits, - and _', labelOf)
    .option(...pipelineOption)
    .option(...configOption)
    .addHelpText('after', '\nExamples:\n  millrace snapshot create before-upgrade\n  millrace snapshot list')
    .action(async (label: string, flags: OperateFlags) => {
      const { runSnapshotCreate } = await import('./snapshot-run.ts');
      await runSnapshotCreate(label, flags, env);
    });
  program
    .command('restore')
    .description('open a new epoch from a snapshot: everything after it is folded again, and replaces what is stored')
    .requiredOption('--at <snapshot>', 'a name that `millrace snapshot list` shows')
    .option(
      '--accept-gap',
      'go on without inputs that are gone or whose topic was made anew; rows say that some are missing',
    )
    .option(...pipelineOption)
    .option(...configOption)
    .addHelpText('after', '\nExamples:\n  millrace restore --at before-upgrade --pipeline revenue')
    .action(async ({ at, acceptGap, ...flags }: OperateFlags & { readonly at: string; readonly acceptGap?: true }) => {
      const { runRestore } = await import('./snapshot-run.ts');
      await runRestore(at, { acceptsGap: acceptGap === true }, flags, env);
    });
  addGapCommand(program, env);
}

function addGapCommand(program: Command, env: NodeJS.ProcessEnv): void {
  const gap = program.command('gap').description('input that is gone before it was read: see it, and accept it');
  gap
    .command('list')
    .description('what cannot be read any more, a partition a line')
    .option(...pipelineOption)
    .option(...configOption)
    .action(async (flags: OperateFlags) => {
      const { runGaps } = await import('./snapshot-run.ts');
      await runGaps(null, flags, env);
    });
  gap
    .command('accept')
    .description('go on behind what is gone; rows of windows that began before say complete = 0')
    .requiredOption('--why <text>', 'for whoever reads the order log later')
    .option(...pipelineOption)
    .option(...configOption)
    .addHelpText('after', '\nExamples:\n  millrace gap accept --pipeline revenue --why "retention was one day"')
    .action(async ({ why, ...flags }: OperateFlags & { readonly why: string }) => {
      const { runGaps } = await import('./snapshot-run.ts');
      await runGaps(why, flags, env);
    });
}

function labelOf(text: string): string {
  if (isSnapshotLabel(text)) return text;
  throw new InvalidArgumentError('must be 1 to 64 letters, digits, - and _');
}
