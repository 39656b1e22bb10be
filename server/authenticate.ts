import { createHash, timingSafeEqual } from 'node:crypto';
import type { jwtVerify, JWTVerifyGetKey } from 'jose';
import type { AuthOutcome, Authenticate, Principal } from '../live/principal.ts';

export interface ApiKey {
  /** For logs; never the key. */
  readonly name: string;
  readonly secret: string;
}

export interface JwtOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Where the public keys are: asymmetric algorithms only. */
  readonly jwksUrl?: string;
  /** A shared secret of at least 32 bytes, instead: HS256 only. */
  readonly secret?: string;
}

export interface AuthenticateOptions {
  readonly apiKeys: readonly ApiKey[];
  readonly jwt?: JwtOptions;
  readonly nowMs: () => number;
}

const refusedMessage = 'the credential is not accepted';

/**
 * Judges credentials: an API key by its SHA-256 in constant time; a JWT by signature, issuer, audience and expiry (it must have
 * one), with the claim `channels` as its rights to live channels; nothing at all, from this machine only.
 */
export function createAuthenticate({ apiKeys, jwt, nowMs }: AuthenticateOptions): Authenticate {
  const keys = apiKeys.map(({ name, secret }) => ({ name, hash: sha256(secret) }));
  const verify = jwt && createVerifier(jwt, nowMs);
  return (credential, { isLocal }) => {
    switch (credential.method) {
      case 'anonymous':
        return isLocal
          ? accepted({ subject: 'anonymous', expiresMs: null, channels: null })
          : refused('a key is needed');
      case 'key':
        return judgeKey(keys, credential.secret);
      case 'jwt':
        return verify ? verify(credential.secret) : refused(refusedMessage);
    }
  };
}

function judgeKey(keys: readonly { readonly name: string; readonly hash: Buffer }[], secret: string): AuthOutcome {
  const given = sha256(secret);
  // All are compared: the time tells nothing about which was close.
  const matching = keys.filter(({ hash }) => timingSafeEqual(hash, given));
  const [key] = matching;
  return key ? accepted({ subject: key.name, expiresMs: null, channels: null }) : refused(refusedMessage);
}

function createVerifier(options: JwtOptions, nowMs: () => number): (token: string) => Promise<AuthOutcome> {
  const { issuer, audience, jwksUrl, secret } = options;
  const algorithms = jwksUrl ? ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] : ['HS256'];
  const verifyOptions = { issuer, audience, algorithms, requiredClaims: ['exp', 'sub'] };
  const check = jwksUrl ? byPublicKeys(jwksUrl) : bySecret(secret ?? '');
  return async (token) => {
    try {
      const { payload } = await check(token, { ...verifyOptions, currentDate: new Date(nowMs()) });
      const channels = channelsOf(payload['channels']);
      return accepted({ subject: payload.sub ?? '', expiresMs: (payload.exp ?? 0) * 1_000, channels });
    } catch {
      // Which check failed is of use only to who should not know.
      return refused(refusedMessage);
    }
  };
}

type Check = (token: string, options: Parameters<typeof jwtVerify>[2]) => ReturnType<typeof jwtVerify>;

function byPublicKeys(jwksUrl: string): Check {
  const url = new URL(jwksUrl);
  let keys: JWTVerifyGetKey | undefined;
  return async (token, options) => {
    const { createRemoteJWKSet, jwtVerify } = await import('jose');
    keys ??= createRemoteJWKSet(url, { timeoutDuration: 5_000 });
    return jwtVerify(token, keys, options);
  };
}

function bySecret(secret: string): Check {
  const key = new TextEncoder().encode(secret);
  if (key.length < 32) throw new RangeError('the shared secret of JSON Web Tokens must have at least 32 bytes');
  return async (token, options) => (await import('jose')).jwtVerify(token, key, options);
}

/** Absent: all channels. Anything but a list of texts grants none. */
function channelsOf(claim: unknown): readonly string[] | null {
  if (claim === undefined) return null;
  if (!Array.isArray(claim)) return [];
  return claim.filter((name): name is string => typeof name === 'string');
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
const accepted = (principal: Principal): AuthOutcome => ({ kind: 'ok', principal });
const refused = (message: string): AuthOutcome => ({ kind: 'refused', message });
