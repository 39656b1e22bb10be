import type { Payment } from '../../events/payment.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { alertsOf } from './alerting-processor.ts';
import { compareInClickHouse, type CrashComparison } from './crash-compare.ts';
import { crashPayment, startFeed, type Feed } from './crash-feed.ts';
import { numberedRows, type NumberedRow } from './numbered-oracle.ts';
import { database, openRig, partitions, type CrashRig, type RigOptions } from './rig.ts';
import type { ServiceProcess } from './service-process.ts';
import { checkWebhooks, type WebhookFindings } from './webhook-check.ts';

export interface TrialOptions extends RigOptions {
  readonly seed: number;
  /** Without progress, where `drive` tells of it; else in all. */
  readonly timeoutMs: number;
}

/** Two hours ago: all of it is the past when it is sent, whatever the machine's pace. */
const agoMs = 7_200_000;
const lookEveryMs = 25;
/** For what waits to say what it waited for. */
const lastWordMs = 10_000;
const settledReads = 3;
const readEveryMs = 500;
const looksMax = 5;
/** How long webhooks may take once all else is done. */
const tellingMaxMs = 120_000;

export interface TrialOutcome<T> extends CrashComparison {
  readonly driven: T;
  /** Numbered events; one in a hundred was sent twice. */
  readonly events: number;
  /** Null without a receiver. */
  readonly webhooks: WebhookFindings | null;
  /** What the processes said last, for a person who looks for what went wrong. */
  readonly words: string;
}

/**
 * Opens a rig, lets `drive` do to it what it likes while events flow, then waits until all is folded and inserted, and compares every
 * row with the oracle. Throws when time runs out or a task is parked. Nothing is left running.
 */
export async function runTrial<T>(
  options: TrialOptions,
  drive: (trial: Trial) => Promise<T>,
): Promise<TrialOutcome<T>> {
  const rig = await openRig(options);
  const over = new AbortController();
  const late = setTimeout(
    () => over.abort(new Error(`not done within ${options.timeoutMs / 1_000} s`)),
    options.timeoutMs,
  );
  const work = async (): Promise<TrialOutcome<T>> => {
    const trial = new Trial(options, rig, { signal: over.signal, progress: () => void late.refresh() });
    const driven = await drive(trial);
    await trial.finish();
    return { ...(await trial.compare()), driven, words: words() };
  };
  const words = (): string => rig.services.map((service) => service.lastWords()).join('\n');
  try {
    return await Promise.race([work(), overdue(over.signal)]);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${words()}`, { cause: error });
  } finally {
    clearTimeout(late);
    over.abort();
    await rig.close();
  }
}

/** Rejects a while after time is up: whatever waits by then without looking at the time, for a client that hangs, say, is left. */
function overdue(signal: AbortSignal): Promise<never> {
  const rejected = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => void setTimeout(() => reject(signal.reason as Error), lastWordMs).unref());
  });
  rejected.catch(() => undefined);
  return rejected;
}

/** A rig with events flowing through it. */
export class Trial {
  readonly rig: CrashRig;
  readonly options: TrialOptions;
  readonly signal: AbortSignal;
  /** The time-out begins anew: for what is long because it is done many times. */
  readonly progress: () => void;
  readonly #baseMs: number;
  #feed: Feed | null = null;
  #feedFailure: Error | null = null;
  #events = 0;

  constructor(options: TrialOptions, rig: CrashRig, { signal, progress }: Pick<Trial, 'signal' | 'progress'>) {
    this.options = options;
    this.rig = rig;
    this.signal = signal;
    this.progress = progress;
    this.#baseMs = Math.floor((systemClock.nowMs() - agoMs) / 60_000) * 60_000;
  }

  /** Begins to send what is allowed. To be called once the topics are there. */
  startFeed(): Feed {
    const { producer } = this.rig;
    const { seed } = this.options;
    this.#feed = startFeed({
      producer,
      topic: 'payments',
      partitions,
      seed,
      baseMs: this.#baseMs,
      signal: this.signal,
    });
    this.#feed.done.catch((error: Error) => (this.#feedFailure = error));
    return this.#feed;
  }

  /** At least so many events in all. */
  needs(events: number): void {
    this.#events = events;
  }

  /** Sends what is left, and waits until everything is where it belongs. */
  async finish(): Promise<void> {
    const feed = this.#feed ?? this.startFeed();
    feed.finish(this.#events);
    if (!this.rig.services.some((service) => service.isRunning())) this.rig.service.start();
    await Promise.race([feed.done, this.#overdue()]);
    await this.#settle();
  }

  /** Everything that is stored, and told, against what there must be. */
  async compare(): Promise<Omit<TrialOutcome<unknown>, 'driven' | 'words'>> {
    const events = this.#feed?.sent() ?? 0;
    const { seed } = this.options;
    const payments = Array.from({ length: events }, (_, i): Payment => crashPayment(seed, this.#baseMs, i));
    const expected = numberedRows(payments);
    return { events, ...(await this.#compareRows(expected)), webhooks: await this.#compareWebhooks(expected) };
  }

  /** One row an identity. Looks again while rows may be on their way. */
  async #compareRows(expected: ReadonlyMap<string, NumberedRow>): Promise<CrashComparison> {
    const { say } = this.options;
    for (let looksLeft = looksMax; ; looksLeft--) {
      say(`comparing ${expected.size} windows`);
      const compared = await compareInClickHouse(this.rig.clickhouse.url, database, expected);
      if (compared.missing + compared.different === 0 || looksLeft === 1) return compared;
      await this.#settle();
    }
  }

  /** What the receiver was told; waits a while for what is on its way. */
  async #compareWebhooks(expected: ReadonlyMap<string, NumberedRow>): Promise<WebhookFindings | null> {
    const { receiver } = this.rig;
    if (receiver === null) return null;
    const alerts = alertsOf(expected);
    const untilMs = systemClock.nowMs() + tellingMaxMs;
    for (;;) {
      const found = checkWebhooks(receiver.received, alerts);
      if (found.untold + found.unfounded === 0 || systemClock.nowMs() > untilMs) return found;
      await systemClock.sleep(readEveryMs, this.signal);
    }
  }

  /** Records folded, as whoever owns the task says. */
  folded(service: ServiceProcess = this.rig.service): number {
    return service.status()?.folded ?? 0;
  }

  async until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      this.check(what);
      await systemClock.sleep(lookEveryMs, this.signal);
    }
  }

  /** Throws once time is up, nothing more is sent, or the task is parked. */
  check(what: string): void {
    if (this.signal.aborted) throw new Error(`${String(this.signal.reason)}, waiting for: ${what}`);
    if (this.#feedFailure !== null) throw new Error(`nothing more is sent: ${this.#feedFailure.message}`);
    for (const service of this.rig.services) {
      const parked = service.status()?.parked ?? null;
      if (parked !== null) throw new Error(`parked: ${parked}`);
    }
  }

  /** Nothing is left to fold or to insert, and nothing comes any more. */
  async #settle(): Promise<void> {
    const meter = await this.rig.openMeter();
    let zeros = 0;
    let producedBefore = -1;
    for (let reads = 0; zeros < settledReads; reads++) {
      this.check('settling');
      const lag = await meter.read();
      const isZero = lag.unfolded === 0 && lag.uninserted === 0 && lag.produced === producedBefore;
      zeros = isZero ? zeros + 1 : 0;
      producedBefore = lag.produced;
      if (reads % 10 === 0) this.options.say(`to fold ${lag.unfolded}, to insert ${lag.uninserted}`);
      await systemClock.sleep(readEveryMs, this.signal);
    }
    await meter.close();
  }

  async #overdue(): Promise<never> {
    for (;;) {
      this.check('the feed');
      await systemClock.sleep(readEveryMs, this.signal);
    }
  }
}
