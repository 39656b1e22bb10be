// One attempt over HTTP: a signed POST, and what became of it.
// Guarantees: never rejects; bounded in time; a redirect is a failure and never followed; of what the receiver says only status and
// Retry-After are read, the rest is thrown away after 16 KiB.
// Redelivery: another attempt has the same id and body, another time and signature.
import { request } from 'undici';
import type { Clock } from '../../telemetry/clock.ts';
import type { AddressRange } from './addresses.ts';
import { createCheckedAgent, type LookupAll } from './checked-connect.ts';
import type { Answer } from './answer.ts';
import type { Message } from './message.ts';
import { retryAfterMsOf } from './schedule.ts';
import { createSigner, type SigningSecrets } from './sign.ts';

export interface SenderOptions {
  readonly url: string;
  readonly secrets: SigningSecrets;
  /** Besides public addresses. */
  readonly allowed: readonly AddressRange[];
  /** For the whole attempt. */
  readonly timeoutMs: number;
  readonly connectionsMax: number;
  /** Not null: a refused connection means that nobody listens, and is asked again after so long. */
  readonly absentPauseMs?: number | null;
  readonly clock: Clock;
  readonly lookupAll?: LookupAll;
}

export interface Sender {
  send(message: Message): Promise<Answer>;
  /** Attempts that are under way end as failed. */
  close(): Promise<void>;
}

const bodyBytesMax = 16_384;

/** A sender to one endpoint, with connections of its own. */
export function createSender(options: SenderOptions): Sender {
  const { url, timeoutMs, clock, absentPauseMs } = options;
  const sign = createSigner(options.secrets);
  const agent = createCheckedAgent({ ...options, connectTimeoutMs: timeoutMs });
  return {
    async send({ webhookId, body }) {
      const text = body();
      const timeOut = new AbortController();
      const timer = new AbortController();
      void clock.sleep(timeoutMs, timer.signal).then(() => timeOut.abort());
      try {
        const response = await request(url, {
          method: 'POST',
          dispatcher: agent,
          signal: timeOut.signal,
          headers: { ...sign(webhookId, clock.nowMs(), text), 'user-agent': 'millrace' },
          body: text,
        });
        // Read to its end so that the connection can be used again; what it says, or that it breaks, changes nothing.
        await response.body.dump({ limit: bodyBytesMax, signal: timeOut.signal }).catch(() => {});
        return answerOf(response.statusCode, headerOf(response.headers['retry-after']), clock.nowMs());
      } catch (error) {
        if (typeof absentPauseMs === 'number' && codeOf(error) === 'ECONNREFUSED')
          return { kind: 'absent', pauseMs: absentPauseMs };
        const detail = timeOut.signal.aborted ? `no answer within ${timeoutMs} ms` : detailOf(error);
        return { kind: 'failed', status: null, detail, retryAfterMs: null };
      } finally {
        timer.abort();
      }
    },
    close: () => agent.destroy(),
  };
}

function answerOf(status: number, retryAfter: string | undefined, nowMs: number): Answer {
  if (status >= 200 && status < 300) return { kind: 'delivered', status };
  if (status === 410) return { kind: 'gone', status };
  const isRedirect = status >= 300 && status < 400;
  const detail = `HTTP ${status}${isRedirect ? ': redirects are not followed' : ''}`;
  return { kind: 'failed', status, detail, retryAfterMs: retryAfterMsOf(retryAfter, nowMs) };
}

const headerOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** By code alone: messages of the network hold addresses. */
function detailOf(error: unknown): string {
  const code = codeOf(error);
  const { message } = error as { readonly message?: unknown };
  if (code === 'address_refused') return String(message);
  return typeof code === 'string' ? `not reached: ${code}` : 'not reached';
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;
