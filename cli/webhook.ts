import { type Command, InvalidArgumentError } from 'commander';
import type { ListenFlags } from './webhook-listen.ts';
import type { WebhookListFlags } from './webhook-list.ts';
import type { NoteFlags } from './webhook-note.ts';

const configOption = [
  '-c, --config <file>',
  'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)',
] as const;

/** `millrace webhook listen|list|resend|enable`. */
export function addWebhookCommand(program: Command, env: NodeJS.ProcessEnv): void {
  const webhook = program.command('webhook').description('receive webhooks here; see and send again what was given up');
  addListen(webhook, env);
  webhook
    .command('list')
    .description('list deliveries that were given up, newest first')
    .argument('[endpoint]', 'of this endpoint only')
    .option('--all', 'every attempt instead')
    .option('--limit <n>', 'how many', wholeNumber, 50)
    .option('--json', 'a line of JSON each')
    .option(...configOption)
    .action(async (endpoint: string | undefined, flags: WebhookListFlags) => {
      const { runWebhookList } = await import('./webhook-list.ts');
      await runWebhookList(endpoint, flags, env);
    });
  const note = (name: 'resend' | 'enable', description: string): Command =>
    webhook
      .command(name)
      .description(description)
      .argument('<endpoint>', 'its name in the configuration')
      .option('--brokers <host:port>', 'the broker, if not the configured one')
      .option(...configOption);
  note('resend', 'send again what is dead')
    .argument('[webhookId]', 'this one; without it, give --all')
    .option('--all', 'everything that is dead')
    .action(async (endpoint: string, webhookId: string | undefined, flags: NoteFlags) => {
      const { runResend } = await import('./webhook-note.ts');
      await runResend(endpoint, webhookId, flags, env);
    });
  note('enable', 'tell an endpoint again that answered 410').action(async (endpoint: string, flags: NoteFlags) => {
    const { runEnable } = await import('./webhook-note.ts');
    await runEnable(endpoint, flags, env);
  });
}

function addListen(webhook: Command, env: NodeJS.ProcessEnv): void {
  webhook
    .command('listen')
    .description('receive webhooks on this machine, verify their signature, print the alerts')
    .option('--port <port>', 'port on 127.0.0.1 (default: webhooks.terminalPort)', wholeNumber)
    .option('--secret-ref <ref>', 'env:NAME or file:/path of the secret (default: the one of this data folder)')
    .option('--count <n>', 'end after so many alerts', wholeNumber)
    .option('--json', 'print each body as it came')
    .option(...configOption)
    .addHelpText(
      'after',
      `
Examples:
  millrace webhook listen                                  alerts of the millrace that \`npm start\` runs beside
  millrace webhook listen --port 9000 --secret-ref env:HOOK_SECRET`,
    )
    .action(async (flags: ListenFlags) => {
      const { runListen } = await import('./webhook-listen.ts');
      await runListen(flags, env);
    });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
}
