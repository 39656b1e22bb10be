import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { addConfigCommand } from './config.ts';
import { configFileOf } from './config-file.ts';
import { addDoctorCommand } from './doctor.ts';
import { addExplainCommand } from './explain.ts';
import { addDlqCommand } from './dlq.ts';
import { addReplayCommand } from './replay.ts';
import { addSnapshotCommands } from './snapshot.ts';
import { addValidateCommand } from './validate.ts';
import { addVerifyCommand } from './verify.ts';
import { addWebhookCommand } from './webhook.ts';

/** The command line. Throws a `CommanderError` instead of ending the process; the commands throw what they fail with. */
export function createProgram(env: NodeJS.ProcessEnv): Command {
  const program = new Command('millrace')
    .description('Real-time stream analytics: every number can be recomputed and corrected.')
    .version(packageJson.version)
    .exitOverride()
    .showHelpAfterError('(add --help for examples)');
  addStartCommand(program, env);
  addValidateCommand(program, env);
  addConfigCommand(program, env);
  addDoctorCommand(program, env);
  addReplayCommand(program, env);
  addExplainCommand(program, env);
  addVerifyCommand(program, env);
  addSnapshotCommands(program, env);
  addDlqCommand(program, env);
  addWebhookCommand(program, env);
  return program;
}

interface StartFlags {
  readonly config?: string;
  readonly only?: readonly string[];
  readonly demo?: boolean;
}

function addStartCommand(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('start')
    .description('run all services, or some, until Ctrl-C or SIGTERM')
    .option('-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)')
    .option('--only <services>', 'run these services only, comma-separated', (value: string) =>
      value.split(',').filter(Boolean),
    )
    .option('--demo', 'feed the demo shop, whatever generator.enabled says')
    .option('--no-demo', 'do not feed the demo shop')
    .addHelpText(
      'after',
      `
Examples:
  millrace start                          everything embedded, with the demo shop
  millrace start --config my.yaml         your brokers, your ClickHouse
  millrace start --only revenue,http      some services; the others run elsewhere
  MILLRACE_KAFKA_BROKERS=kafka:9092 millrace start --no-demo`,
    )
    .action(async ({ config, only, demo }: StartFlags) => {
      const configFile = configFileOf(config, env);
      // What is wrong with it is told before anything heavy is loaded.
      const { checkConfig } = await import('./check-config.ts');
      await checkConfig(configFile, env);
      const { runStart } = await import('./start.ts');
      await runStart({ configFile, only, isDemo: demo });
    });
}
