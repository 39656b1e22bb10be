// One client: hello, credential, subscriptions, heartbeat, and the word on which it is let go.
// Guarantees: nothing is sent about any channel before the credential is accepted; a client that breaks the protocol, stays silent
// or cannot keep up is told why and closed, and no other client notices. Redelivery: not its concern, viewers resume by token.
import { checkClientMessage } from '../../live/check.ts';
import { closeCode, liveProtocol, type ClientMessage, type LiveErrorCode } from '../../live/messages.ts';
import { mayRead, type Authenticate, type Principal } from '../../live/principal.ts';
import type { Channel } from './channel.ts';
import type { Feeds } from './feeds.ts';
import { frameOf } from './frames.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import type { GatewayLimits } from './limits.ts';
import type { Link } from './link.ts';
import { openSubscription } from './open-subscription.ts';
import type { Viewer } from './viewer.ts';

/** What sessions share. */
export interface SessionHost {
  readonly instance: string;
  readonly limits: GatewayLimits;
  readonly metrics: GatewayMetrics;
  readonly feeds: Feeds;
  readonly authenticate: Authenticate;
  nowMs(): number;
  findChannel(name: string): Channel | undefined;
}

export interface Session {
  receive(data: string | null): void;
  /** The socket takes frames again. */
  pump(): void;
  /** Looks at the clock: time-outs, heartbeat, expiry, slowness. About once a second. */
  beat(): void;
  close(code: number, reason: string): void;
  /** The socket is gone. */
  end(): void;
}

export function createSession(host: SessionHost, link: Link, peer: { readonly isLocal: boolean }): Session {
  return new ClientSession(host, link, peer);
}

class ClientSession implements Session {
  readonly #host: SessionHost;
  readonly #link: Link;
  readonly #peer: { readonly isLocal: boolean };
  readonly #viewers = new Map<number, Viewer>();
  readonly #openedMs: number;
  #principal: Principal | null = null;
  #isJudging = false;
  #hasEnded = false;
  #heardMs: number;
  #pingedMs: number;
  #pings = 0;
  #behindSinceMs: number | null = null;
  #rate = { secondMs: 0, messages: 0 };

  constructor(host: SessionHost, link: Link, peer: { readonly isLocal: boolean }) {
    this.#host = host;
    this.#link = link;
    this.#peer = peer;
    this.#openedMs = this.#heardMs = this.#pingedMs = host.nowMs();
    const { heartbeatMs, authTimeoutMs, messageBytesMax, subscriptionsMax } = host.limits;
    const { instance } = host;
    const limits = { heartbeatMs, authTimeoutMs, messageBytesMax, subscriptionsMax };
    link.send(frameOf({ kind: 'hello', protocol: liveProtocol, instance, ...limits }));
  }

  receive(data: string | null): void {
    if (this.#hasEnded) return;
    this.#heardMs = this.#host.nowMs();
    if (data === null) return this.#refuse('bad_message', 'messages are text frames', closeCode.binary);
    if (this.#isTooOften()) return this.#refuse('too_many_messages', 'too many messages', closeCode.tooManyMessages);
    const checked = checkClientMessage(data);
    if (checked.kind === 'bad') return this.#refuse('bad_message', checked.why, closeCode.badMessage);
    this.#take(checked.message);
  }

  pump(): void {
    for (const viewer of this.#viewers.values()) viewer.pump();
  }

  beat(): void {
    const { limits } = this.#host;
    const nowMs = this.#host.nowMs();
    if (!this.#principal) {
      if (nowMs - this.#openedMs > limits.authTimeoutMs)
        this.#refuse('auth_timeout', 'no credential came in time', closeCode.authTimeout);
      return;
    }
    if ((this.#principal.expiresMs ?? Infinity) <= nowMs)
      return this.#refuse('token_expired', 'the token has expired', closeCode.tokenExpired);
    if (this.#isTooSlow(nowMs)) return this.#refuse('too_slow', 'too slow: come back and resume', closeCode.tooSlow);
    if (nowMs - this.#heardMs > 2.5 * limits.heartbeatMs)
      return this.#refuse('heartbeat_missed', 'no answer to two pings', closeCode.heartbeatMissed);
    if (nowMs - this.#pingedMs < limits.heartbeatMs) return;
    this.#pingedMs = nowMs;
    this.#link.send(frameOf({ kind: 'ping', n: ++this.#pings }));
  }

  close(code: number, reason: string): void {
    this.#host.metrics.closes.inc({ code: String(code) });
    this.#link.close(code, reason);
    this.end();
  }

  end(): void {
    this.#hasEnded = true;
    for (const viewer of this.#viewers.values()) this.#host.feeds.leave(viewer);
    this.#viewers.clear();
  }

  #take(message: ClientMessage): void {
    if (message.kind === 'auth') return void this.#authenticate(message);
    if (message.kind === 'pong') return;
    if (message.kind === 'ping') return this.#link.send(frameOf({ kind: 'pong', n: message.n }));
    if (!this.#principal)
      return this.#refuse('not_authenticated', 'the first message must be auth', closeCode.unauthorised);
    if (message.kind === 'unsubscribe') return this.#unsubscribe(message.id);
    if (this.#viewers.size >= this.#host.limits.subscriptionsMax)
      return this.#error('too_many_subscriptions', 'no more subscriptions on this socket', message.id);
    const opened = openSubscription(this.#host, this.#link, message, {
      principal: this.#principal,
      viewers: this.#viewers,
    });
    if (opened.kind === 'refused') this.#error(opened.code, opened.message, message.id);
  }

  async #authenticate(credential: ClientMessage & { readonly kind: 'auth' }): Promise<void> {
    if (this.#isJudging) return this.#refuse('bad_message', 'one auth at a time', closeCode.badMessage);
    this.#isJudging = true;
    const outcome = await this.#host.authenticate(credential, this.#peer);
    this.#isJudging = false;
    if (this.#hasEnded) return;
    if (outcome.kind === 'refused') return this.#refuse('unauthorised', outcome.message, closeCode.unauthorised);
    const { principal } = outcome;
    this.#principal = principal;
    this.#link.send(frameOf({ kind: 'ready', subject: principal.subject, expiresMs: principal.expiresMs }));
    // A renewed token may grant less.
    for (const { id, feed } of [...this.#viewers.values()]) {
      if (mayRead(principal, feed.channel.name)) continue;
      this.#leave(id);
      this.#error('forbidden_channel', 'the credential does not cover this channel any more', id);
    }
  }

  #unsubscribe(id: number): void {
    if (!this.#leave(id)) return this.#error('not_subscribed', 'no such subscription', id);
    this.#link.send(frameOf({ kind: 'unsubscribed', id }));
  }

  #leave(id: number): boolean {
    const viewer = this.#viewers.get(id);
    if (!viewer) return false;
    this.#viewers.delete(id);
    this.#host.feeds.leave(viewer);
    return true;
  }

  #isTooSlow(nowMs: number): boolean {
    const behind = [...this.#viewers.values()].filter((viewer) => viewer.isBehind());
    if (behind.length === 0) {
      this.#behindSinceMs = null;
      return false;
    }
    this.#behindSinceMs ??= nowMs;
    const { behindMaxMs, behindRowsMax } = this.#host.limits;
    if (nowMs - this.#behindSinceMs > behindMaxMs) return true;
    return behind.reduce((rows, viewer) => rows + viewer.behindRows(), 0) > behindRowsMax;
  }

  #isTooOften(): boolean {
    const secondMs = this.#heardMs - (this.#heardMs % 1_000);
    if (this.#rate.secondMs !== secondMs) this.#rate = { secondMs, messages: 0 };
    this.#rate.messages += 1;
    return this.#rate.messages > this.#host.limits.messagesPerSecondMax;
  }

  #error(code: LiveErrorCode, message: string, id?: number): void {
    this.#link.send(frameOf({ kind: 'error', code, message, ...(id !== undefined && { id }) }));
  }

  /** An error that ends the session. */
  #refuse(code: LiveErrorCode, message: string, closeWith: number): void {
    if (code === 'bad_message') this.#host.metrics.badMessages.inc();
    this.#error(code, message);
    this.close(closeWith, code);
  }
}
