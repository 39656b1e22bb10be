import { loadConfig } from '../config/load.ts';
import { publishNote } from '../sinks/webhook/publish-note.ts';
import { systemClock } from '../telemetry/clock.ts';
import { configFileOf } from './config-file.ts';
import { connectBroker } from './connect-broker.ts';
import { UsageError } from './options.ts';

/** The flags of `millrace webhook resend` and `enable`, as commander gives them. */
export interface NoteFlags {
  readonly all?: boolean;
  readonly brokers?: string;
  readonly config?: string;
}

/** Runs `millrace webhook resend`. */
export async function runResend(
  endpoint: string,
  webhookId: string | undefined,
  flags: NoteFlags,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  if ((webhookId === undefined) !== (flags.all ?? false))
    throw new UsageError('which one? Give a webhook id (`millrace webhook list`), or --all');
  await publish({ endpoint, note: 'resend', webhookId: webhookId ?? '' }, flags, env);
  process.stdout.write(`asked: ${webhookId ?? 'everything dead'} to ${endpoint} again\n`);
}

/** Runs `millrace webhook enable`. */
export async function runEnable(endpoint: string, flags: NoteFlags, env: NodeJS.ProcessEnv): Promise<void> {
  await publish({ endpoint, note: 'enabled', webhookId: '' }, flags, env);
  process.stdout.write(`asked: ${endpoint} enabled\n`);
}

async function publish(
  note: { readonly endpoint: string; readonly note: 'enabled' | 'resend'; readonly webhookId: string },
  flags: NoteFlags,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  const known = [...config.webhooks.endpoints.map(({ name }) => name), 'terminal'];
  if (!known.includes(note.endpoint))
    throw new UsageError(`no endpoint ${note.endpoint} is configured; there are ${known.join(', ')}`);
  const connection = await connectBroker(flags, config, env);
  try {
    await publishNote(connection.producer, { ...note, atMs: systemClock.nowMs() });
  } finally {
    await connection.close();
  }
}
