import type { Command } from 'commander';
import { ConfigError, loadConfig } from '../config/load.ts';
import { configFileOf } from './config-file.ts';
import { exitCodes } from './options.ts';

interface ValidateFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly secrets: boolean;
}

/** `millrace validate`: loads the configuration as a start would, and says all that is wrong. Exit 0, or 78 with the faults. */
export function addValidateCommand(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('validate')
    .description('check the configuration: all faults at once, with line and column')
    .option('-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)')
    .option('--no-secrets', 'secrets need not be readable on this machine')
    .option('--json', 'print the outcome as JSON')
    .addHelpText(
      'after',
      `
Examples:
  millrace validate
  millrace validate --config my.yaml --no-secrets
  millrace validate --config my.yaml --json | jq '.faults[].path'`,
    )
    .action(async (flags: ValidateFlags) => {
      const file = configFileOf(flags.config, env);
      const warnings: string[] = [];
      const { faults, hash } = await outcomeOf(file, env, flags.secrets, warnings);
      if (flags.json)
        process.stdout.write(
          `${JSON.stringify({ valid: faults.length === 0, file: file ?? null, hash, faults, warnings }, null, 2)}\n`,
        );
      else printOutcome(file, hash, faults, warnings);
      if (faults.length > 0) process.exitCode = exitCodes.badConfig;
    });
}

interface Outcome {
  readonly faults: ConfigError['faults'];
  /** Of `millrace config export`; null where there are faults. */
  readonly hash: string | null;
}

async function outcomeOf(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  checkSecrets: boolean,
  warnings: string[],
): Promise<Outcome> {
  try {
    const config = loadConfig({ file, env, checkSecrets, warn: (message) => warnings.push(message) });
    const { bundleOf, hashOfBundle } = await import('./config-bundle.ts');
    return { faults: [], hash: hashOfBundle(await bundleOf(config)) };
  } catch (error) {
    if (error instanceof ConfigError) return { faults: error.faults, hash: null };
    throw error;
  }
}

function printOutcome(
  file: string | undefined,
  hash: string | null,
  faults: ConfigError['faults'],
  warnings: readonly string[],
): void {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  if (faults.length === 0) process.stdout.write(`${file ?? 'the defaults'}: valid, hash ${hash}\n`);
  else
    process.stderr.write(
      `${new ConfigError(faults).message}\n${faults.length} fault${faults.length === 1 ? '' : 's'}\n`,
    );
}
