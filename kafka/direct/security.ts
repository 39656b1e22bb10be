import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from '@platformatic/kafka';
import type { KafkaSecurity } from '../connection.ts';
import { KafkaError, type KafkaErrorCode } from '../contract.ts';

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
