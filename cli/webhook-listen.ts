import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { loadConfig } from '../config/load.ts';
import { readSecret } from '../config/secrets.ts';
import { configFileOf } from './config-file.ts';
import { UsageError } from './options.ts';
import { terminalSecret } from './start/webhook-endpoints.ts';

/** The flags of `millrace webhook listen`, as commander gives them. */
export interface ListenFlags {
  readonly port?: number;
  readonly secretRef?: string;
  readonly count?: number;
  readonly json?: boolean;
  readonly config?: string;
}

/** What a webhook of millrace holds. */
interface Body {
  readonly type: string;
  readonly timestamp: string;
  readonly data: {
    readonly alertId: string;
    readonly severity: string;
    readonly title: string;
    readonly reasons: readonly string[];
    readonly hits: number;
    readonly paymentId: string | null;
  };
}

/** An alert is a few KB; nothing that is larger is one. */
const bodyBytesMax = 262_144;
/** Ids told before, by which a second delivery is known. */
const idsMax = 10_000;

/** Runs `millrace webhook listen` until Ctrl-C, or `--count` alerts. Answers 204 to what is signed, 401 to what is not. */
export async function runListen(flags: ListenFlags, env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  const secret = flags.secretRef ? readSecret(flags.secretRef, env) : terminalSecret(config.embedded.dataDir);
  const key = new Webhook(secret ?? '');
  const port = flags.port ?? config.webhooks.terminalPort;
  const seen = new Set<string>();
  const countMax = flags.count ?? Infinity;
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));

  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    const verified = body === null ? null : verify(key, request, body);
    if (!verified) return refuse(response);
    response.writeHead(204).end();
    const id = String(request.headers['webhook-id']);
    if (seen.has(id)) return say(`again     ${id}: told before, nothing new`);
    if (seen.add(id).size > idsMax) seen.delete([...seen][0] ?? '');
    say(flags.json ? (body ?? '') : describe(verified, id));
    if (seen.size >= countMax) finish();
  };
  // A sender that breaks off is its own trouble.
  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()));
  process.once('SIGINT', finish).once('SIGTERM', finish);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenFault(error, port)));
    server.listen(port, '127.0.0.1', resolve);
  });
  if (!flags.json) say(`listening on http://127.0.0.1:${port}/ for signed webhooks; Ctrl-C ends`);
  await finished;
  await new Promise((resolve) => server.close(resolve).closeIdleConnections());
}

function verify(key: Webhook, { headers }: IncomingMessage, body: string): Body | null {
  try {
    return key.verify(body, headers as Record<string, string>) as Body;
  } catch {
    return null;
  }
}

function refuse(response: ServerResponse): void {
  response.writeHead(401).end();
  say('refused   a request that is not signed with this secret, or is old: see docs/webhooks.md');
}

async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > bodyBytesMax) return null;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** For a person: what, how bad, why. Lines of one alert stand together. */
function describe({ type, timestamp, data }: Body, id: string): string {
  const { alertId, severity, title, reasons, paymentId } = data;
  const transition = type.replace(/^alert\./, '');
  return [
    `${transition.padEnd(9)} ${severity}: ${plain(title)}`,
    ...reasons.map((reason) => `          because ${plain(reason)}`),
    `          alert ${plain(alertId)}, ${timestamp}${paymentId === null ? '' : `, payment ${plain(paymentId)}`}`,
    `          ${plain(id)}, signature verified`,
  ].join('\n');
}

/** What came over the network moves no cursor. */
const plain = (text: string): string => text.replace(/\p{Cc}/gu, '?');

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function listenFault(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error;
  return new UsageError(
    `port ${port} is taken, perhaps by another \`millrace webhook listen\`: end it, or give --port`,
  );
}
