import type { Received } from '../../sinks/webhook/webhook-suite.ts';

/** What the receiver was told, against the alerts that there must be in the end. */
export interface WebhookFindings {
  /** Webhook ids. */
  readonly ids: number;
  /** Deliveries beyond the first of an id. */
  readonly repeats: number;
  /** Ids that came with two different contents. */
  readonly twofold: number;
  /** Alerts that there must be, of which the newest word is another one, or none. */
  readonly untold: number;
  /** Alerts that there must not be, of which the newest word is not that they are retracted. */
  readonly unfounded: number;
}

export function checkWebhooks(received: readonly Received[], expected: ReadonlySet<string>): WebhookFindings {
  const bodies = new Map<string, string>();
  const twofold = new Set<string>();
  const newest = new Map<string, { readonly revision: bigint; readonly transition: string }>();
  for (const { id, body, alertId, transition } of received) {
    if ((bodies.get(id) ?? body) !== body) twofold.add(id);
    bodies.set(id, body);
    const { data } = JSON.parse(body) as { readonly data: { readonly revision: string } };
    const revision = BigInt(data.revision);
    if (revision >= (newest.get(alertId)?.revision ?? -1n)) newest.set(alertId, { revision, transition });
  }
  const told = new Set([...newest].filter(([, { transition }]) => transition !== 'retracted').map(([id]) => id));
  return {
    ids: bodies.size,
    repeats: received.length - bodies.size,
    twofold: twofold.size,
    untold: [...expected].filter((id) => !told.has(id)).length,
    unfounded: [...told].filter((id) => !expected.has(id)).length,
  };
}

/** In words, for a person; empty where all is as it must be. */
export function webhookFaults({ twofold, untold, unfounded }: WebhookFindings): readonly string[] {
  return [
    ...(twofold > 0 ? [`${twofold} webhook ids came with two different contents`] : []),
    ...(untold > 0 ? [`of ${untold} alerts the receiver was not told`] : []),
    ...(unfounded > 0 ? [`of ${unfounded} alerts the receiver was told, and there are none`] : []),
  ];
}
