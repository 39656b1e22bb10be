// Batches messages for a producer with a few sends in flight: enough to keep it busy, few enough to bound memory. The order of
// messages is kept. The first failed send fails everything after it; nothing is sent twice by it.
import type { OutMessage, Producer } from '../../kafka/contract.ts';

export interface SendWindow {
  /** Takes a message; waits while too many sends are in flight. */
  add(message: OutMessage): Promise<void>;
  /** Hands over what is batched, without waiting for its acknowledgement. */
  flush(): Promise<void>;
  /** Resolves when all is acknowledged. */
  drain(): Promise<void>;
  /** Messages acknowledged. */
  sent(): number;
}

export function createSendWindow(
  producer: Producer,
  {
    batchMessagesMax = 500,
    sendsInFlightMax = 4,
  }: { readonly batchMessagesMax?: number; readonly sendsInFlightMax?: number } = {},
): SendWindow {
  const inFlight = new Set<Promise<void>>();
  let batch: OutMessage[] = [];
  let sent = 0;
  let failure: { readonly error: unknown } | null = null;

  const checked = () => {
    if (failure) throw failure.error;
  };
  const flush = async (): Promise<void> => {
    checked();
    if (batch.length === 0) return;
    const messages = batch;
    batch = [];
    const sending = producer.send(messages).then(
      () => void (sent += messages.length),
      (error: unknown) => void (failure ??= { error }),
    );
    inFlight.add(sending);
    void sending.finally(() => inFlight.delete(sending));
    while (inFlight.size >= sendsInFlightMax) await Promise.race(inFlight);
    checked();
  };
  return {
    flush,
    sent: () => sent,
    add: async (message) => {
      batch.push(message);
      if (batch.length >= batchMessagesMax) await flush();
    },
    drain: async () => {
      await flush();
      await Promise.all(inFlight);
      checked();
    },
  };
}
