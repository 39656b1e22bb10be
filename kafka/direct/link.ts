import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Connection, Writer, type ConnectionOptions } from '@platformatic/kafka';
import type { KafkaSecurity } from '../connection.ts';
import { KafkaError, type KafkaErrorCode } from '../contract.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A connection to one broker: requests out, the bytes of their answers back. */
export interface Link {
  /** Rejects with a `KafkaError`; the link is then of no further use. `room`: memory for an answer that comes in pieces. */
  request(
    api: { readonly key: number; readonly version: number },
    write: (writer: Writer) => Writer,
    room?: (length: number) => Buffer,
  ): Promise<Buffer>;
  isOpen(): boolean;
  close(): Promise<void>;
}

export interface LinkOptions {
  readonly clientId: string;
  readonly security: KafkaSecurity | undefined;
  /** The longest that a request may take. */
  readonly requestTimeoutMs: number;
}

const connectTimeoutMs = 5_000;

/** Connects and logs in. Rejects with `kafka_not_authorised` where the broker refuses the login. */
export async function openLink({ host, port }: Address, options: LinkOptions): Promise<Link> {
  const connection = new Connection(options.clientId, {
    connectTimeout: connectTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    maxInflights: 4,
    ...securityOf(options.security, host),
  });
  const where = `${host}:${port}`;
  // What fails is told by the calls below; without a listener an error event would end the process.
  connection.on('error', () => {});
  try {
    await connection.connect(host, port);
  } catch (error) {
    throw linkError(error, `connect to ${where}`);
  }
  let isBroken = false;
  /** The library loses its place among the answers when one comes after its time: nothing more is to be read from it. */
  const giveUp = (): void => {
    isBroken = true;
    connection.socket?.destroy();
  };
  return {
    request: ({ key, version }, write, room = Buffer.allocUnsafe) =>
      new Promise((resolve, reject) => {
        if (isBroken) return reject(new KafkaError('kafka_unavailable', `request ${key} to ${where}: given up`));
        const parse = (_id: number, _key: number, _version: number, reader: AnswerReader): Buffer =>
          bytesOf(reader, room);
        connection.send(
          key,
          version,
          () => write(Writer.create()),
          parse as never,
          false,
          false,
          (error, bytes) => {
            if (!error) return resolve(bytes as Buffer);
            giveUp();
            reject(linkError(error, `request ${key} to ${where}`));
          },
        );
      }),
    isOpen: () => !isBroken && connection.isConnected(),
    close: async () => {
      const closed = connection.close();
      // What was not written yet is not waited for: the other side may not read any more.
      connection.socket?.destroy();
      await closed;
    },
  };
}

/** The answer after its header, in one piece. */
interface AnswerReader {
  readonly buffer: { readonly buffers: readonly Buffer[]; readonly length: number } | Buffer;
  readonly position: number;
}

function bytesOf({ buffer, position }: AnswerReader, room: (length: number) => Buffer): Buffer {
  if (Buffer.isBuffer(buffer)) return buffer.subarray(position);
  const [first] = buffer.buffers;
  if (first && buffer.buffers.length === 1) return first.subarray(position);
  const bytes = room(buffer.length - position);
  let at = -position;
  for (const piece of buffer.buffers) {
    if (at >= 0) piece.copy(bytes, at);
    else if (at + piece.length > 0) piece.copy(bytes, 0, -at);
    at += piece.length;
  }
  return bytes;
}

/** TLS and login as the library takes them. */
export function securityOf(security: KafkaSecurity | undefined, host: string): ConnectionOptions {
  if (!security) return {};
  const { protocol, mechanism = 'PLAIN', username, password, caFile, certificateFile, keyFile, keyPassword } = security;
  const file = (name: 'ca' | 'cert' | 'key', path: string | undefined) => path && { [name]: readFileSync(path) };
  const tls = {
    ...file('ca', caFile),
    ...file('cert', certificateFile),
    ...file('key', keyFile),
    ...(keyPassword && { passphrase: keyPassword }),
  };
  return {
    ...(protocol.endsWith('ssl') && { tls, tlsServerName: isIP(host) === 0 }),
    ...(protocol.startsWith('sasl') && {
      sasl: { mechanism, ...(username && { username }), ...(password && { password }) },
    }),
  };
}

/** Node's and OpenSSL's words for a certificate that is not trusted, or a TLS that the other side does not speak. */
const tlsRefusals: ReadonlySet<string> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

/** By the library's own codes, never by message text. */
const codes: Readonly<Record<string, KafkaErrorCode>> = {
  PLT_KFK_AUTHENTICATION: 'kafka_not_authorised',
  PLT_KFK_NETWORK: 'kafka_unavailable',
  PLT_KFK_TIMEOUT: 'kafka_timed_out',
};

/** Of the library's errors that are not the broker's own word. */
export function linkError(error: unknown, doing: string): KafkaError {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as Error & { code?: string };
    if (code === 'PLT_KFK_AUTHENTICATION' || tlsRefusals.has(code ?? ''))
      return new KafkaError('kafka_not_authorised', `${doing}: ${at.message}`, { cause: error });
  }
  const { code = '' } = (error ?? {}) as { code?: string };
  const text = error instanceof Error ? error.message : String(error);
  return new KafkaError(codes[code] ?? 'kafka_unavailable', `${doing}: ${text}`, { cause: error });
}
