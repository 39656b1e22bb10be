// The headers of a delivery by the Standard Webhooks specification: id, time of the attempt, signatures.
// Guarantees: one signature a secret, the current one first, over the very bytes that are sent.
// Redelivery: the id stays; time and signature are the attempt's.
import { Webhook } from 'standardwebhooks';

/** One secret, or two while receivers change from the previous to the current one: `whsec_` and base64. */
export interface SigningSecrets {
  readonly current: string;
  readonly previous: string | null;
}

/** Signs (webhook id, time, body). Throws an Error at once where a secret is not base64. */
export function createSigner({ current, previous }: SigningSecrets) {
  const keys = [current, ...(previous === null ? [] : [previous])].map((secret) => new Webhook(secret));
  return (webhookId: string, atMs: number, body: string): Readonly<Record<string, string>> => ({
    'content-type': 'application/json',
    'webhook-id': webhookId,
    'webhook-timestamp': String(Math.floor(atMs / 1_000)),
    'webhook-signature': keys.map((key) => key.sign(webhookId, new Date(atMs), body)).join(' '),
  });
}
