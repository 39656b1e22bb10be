import type { LiveCredential } from './messages.ts';

/** Who is there, and what it may read. */
export interface Principal {
  /** For logs and for the page: `anonymous`, the name of a key, the subject of a token. */
  readonly subject: string;
  /** When it is to be asked again, ms since 1970; null: never. */
  readonly expiresMs: number | null;
  /** Channels that it may read: names, or beginnings that end in `*`; null: all. */
  readonly channels: readonly string[] | null;
}

export type AuthOutcome =
  | { readonly kind: 'ok'; readonly principal: Principal }
  /** `message` is for the client and says nothing of what would have been right. */
  | { readonly kind: 'refused'; readonly message: string };

/** Judges a credential; `isLocal`: the peer is this machine and no proxy says otherwise. Never rejects. */
export type Authenticate = (
  credential: LiveCredential,
  peer: { readonly isLocal: boolean },
) => AuthOutcome | Promise<AuthOutcome>;

/** Whether a principal may read a channel. */
export function mayRead({ channels }: Principal, channel: string): boolean {
  if (channels === null) return true;
  return channels.some((right) => (right.endsWith('*') ? channel.startsWith(right.slice(0, -1)) : channel === right));
}
