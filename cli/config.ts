import type { Command } from 'commander';

/** `millrace config`: the whole configuration as one file to keep, to compare, and to take elsewhere. */
export function addConfigCommand(program: Command, env: NodeJS.ProcessEnv): void {
  const config = program
    .command('config')
    .description('the configuration and its rules as one file: export, import, diff');
  const choice = ['-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)'] as const;
  config
    .command('export')
    .description('print every option that is in effect, and the rules; secrets stay references')
    .option(...choice)
    .option('-o, --out <file>', 'write it to a file')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace config export\n  millrace config export --config my.yaml --out shop.yaml',
    )
    .action(async (flags: { config?: string; out?: string }) => {
      await (await import('./config-run.ts')).runExport(flags, env);
    });
  config
    .command('import')
    .description('check an exported file and write it as millrace.yaml and rules/')
    .argument('<file>', 'what `millrace config export` wrote')
    .requiredOption('-t, --to <folder>', 'where to')
    .option('--force', 'write over the configuration that is there; rules that the file does not have are removed')
    .addHelpText('after', '\nExamples:\n  millrace config import shop.yaml --to /etc/millrace')
    .action(async (file: string, flags: { to: string; force?: boolean }) => {
      await (await import('./config-run.ts')).runImport(file, flags);
    });
  config
    .command('diff')
    .description('compare two exported files, or one with what is in effect here; exit 1 when they differ')
    .argument('<before>', 'an exported file, or a configuration file')
    .argument('[after]', 'another; absent: what is in effect')
    .option(...choice)
    .option('--json', 'print the differences as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace config diff shop.yaml\n  millrace config diff before.yaml after.yaml --json',
    )
    .action(async (before: string, after: string | undefined, flags: { config?: string; json?: boolean }) => {
      await (await import('./config-run.ts')).runDiff(before, after, flags, env);
    });
}
