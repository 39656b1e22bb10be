import type { Payment } from '../../events/payment.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { compareInClickHouse } from '../crash/crash-compare.ts';
import { crashPayment, duplicateOneIn, startFeed, type Feed } from '../crash/crash-feed.ts';
import { numberedRows } from '../crash/numbered-oracle.ts';
import { database, openRig, partitions, type CrashRig, type RigOptions } from '../crash/rig.ts';
import { queryLines } from '../journey/stored-rows.ts';

export interface OutageOptions extends RigOptions {
  /** How long ClickHouse answers nobody: its process is stopped (SIGSTOP), so that connections hang. */
  readonly seconds: number;
  readonly ratePerSecond: number;
  readonly seed: number;
  readonly timeoutMs: number;
}

export interface OutageOutcome {
  /** Numbered events; one in a hundred is sent twice. */
  readonly sent: number;
  /** Events that the archive does not have, and windows that are not as they must be. */
  readonly missing: number;
  /** Records of the archive, and windows, beyond what there must be. */
  readonly extra: number;
  readonly windows: number;
  /** While ClickHouse was away. */
  readonly sentInOutage: number;
  /** The most memory of the processing service, resident. */
  readonly rssPeakMb: number;
  readonly examples: readonly string[];
}

/** Two hours ago: all of it is the past when it is sent, whatever the machine's pace. */
const agoMs = 7_200_000;
const paceMs = 50;
/** Traffic before and after the outage, as a part of it. */
const aroundShare = 0.1;
const readEveryMs = 500;
const settledReads = 3;
const looksMax = 5;

/** Numbered events at a fixed rate through a service whose ClickHouse goes away in the middle; then every record and every row. */
export async function runOutage(options: OutageOptions): Promise<OutageOutcome> {
  const rig = await openRig(options);
  const over = new AbortController();
  const late = setTimeout(
    () => over.abort(new Error(`not done within ${options.timeoutMs / 1_000} s`)),
    options.timeoutMs,
  );
  try {
    rig.service.start();
    return await new Outage(options, rig, over.signal).run();
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${rig.service.lastWords()}`, {
      cause: error,
    });
  } finally {
    clearTimeout(late);
    over.abort();
    await rig.close();
  }
}

class Outage {
  readonly #options: OutageOptions;
  readonly #rig: CrashRig;
  readonly #signal: AbortSignal;

  constructor(options: OutageOptions, rig: CrashRig, signal: AbortSignal) {
    this.#options = options;
    this.#rig = rig;
    this.#signal = signal;
  }

  async run(): Promise<OutageOutcome> {
    const { seconds, ratePerSecond, seed, say } = this.#options;
    const { producer, service } = this.#rig;
    await this.#until(() => service.status()?.isOwner === true, 'the service owns its task');
    const events = Math.ceil(ratePerSecond * seconds * (1 + 2 * aroundShare));
    const baseMs = Math.floor((systemClock.nowMs() - agoMs - events) / 60_000) * 60_000;
    const feed = startFeed({ producer, topic: 'payments', partitions, seed, baseMs, signal: this.#signal });
    feed.done.catch(() => undefined);
    await this.#pace(feed, seconds * aroundShare);
    const sentBefore = feed.sent();
    await this.#withoutClickHouse(() => this.#pace(feed, seconds));
    const sentInOutage = feed.sent() - sentBefore;
    say(`ClickHouse was away for ${seconds} s: ${sentInOutage} events sent meanwhile, ${this.#folded()} folded by now`);
    await this.#pace(feed, seconds * aroundShare);
    feed.finish(feed.sent());
    await Promise.race([feed.done, this.#overdue()]);
    await this.#settle();
    const payments = Array.from({ length: feed.sent() }, (_, i) => crashPayment(seed, baseMs, i));
    const compared = await this.#compare(payments);
    const rssPeakMb = Math.ceil((service.status()?.rssPeakBytes ?? 0) / 2 ** 20);
    return { sent: payments.length, ...compared, sentInOutage, rssPeakMb };
  }

  /** Lets the feed go on at the rate, for so long; where the broker makes producers wait it goes slower, and that is right. */
  async #pace(feed: Feed, seconds: number): Promise<void> {
    const startedMs = systemClock.nowMs();
    const before = feed.sent();
    for (let elapsedMs = 0; elapsedMs < seconds * 1_000; elapsedMs = systemClock.nowMs() - startedMs) {
      this.#check('the feed');
      feed.allow(before + Math.floor((elapsedMs * this.#options.ratePerSecond) / 1_000));
      await systemClock.sleep(paceMs, this.#signal);
    }
  }

  async #withoutClickHouse(meanwhile: () => Promise<void>): Promise<void> {
    const pid = this.#rig.clickhouse.pid();
    if (pid === null) throw new Error('ClickHouse is down before it is stopped');
    process.kill(pid, 'SIGSTOP');
    try {
      await meanwhile();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  async #compare(
    payments: readonly Payment[],
  ): Promise<Pick<OutageOutcome, 'missing' | 'extra' | 'windows' | 'examples'>> {
    const { url } = this.#rig.clickhouse;
    const { length: sent } = payments;
    // Each of them, those that were sent twice, and one a partition that closes every window.
    const recordsSent = sent + Math.ceil(sent / duplicateOneIn) + partitions;
    const expected = numberedRows(payments);
    for (let looksLeft = looksMax; ; looksLeft--) {
      this.#options.say(`comparing ${recordsSent} records and ${expected.size} windows`);
      const { records, numbers } = await archived(url, sent);
      const rows = await compareInClickHouse(url, database, expected);
      const missing = sent - numbers + rows.missing + rows.different;
      const extra = Math.max(0, records - recordsSent) + rows.extra;
      if (missing === 0 || looksLeft === 1) return { missing, extra, windows: rows.windows, examples: rows.examples };
      await this.#settle();
    }
  }

  #folded(): number {
    return this.#rig.service.status()?.folded ?? 0;
  }

  /** Nothing is left to fold or to insert, and nothing comes any more. */
  async #settle(): Promise<void> {
    const meter = await this.#rig.openMeter();
    let zeros = 0;
    let producedBefore = -1;
    for (let reads = 0; zeros < settledReads; reads++) {
      this.#check('settling');
      const lag = await meter.read();
      const isZero = lag.unfolded === 0 && lag.uninserted === 0 && lag.produced === producedBefore;
      zeros = isZero ? zeros + 1 : 0;
      producedBefore = lag.produced;
      if (reads % 10 === 0) this.#options.say(`to fold ${lag.unfolded}, to insert ${lag.uninserted}`);
      await systemClock.sleep(readEveryMs, this.#signal);
    }
    await meter.close();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      this.#check(what);
      await systemClock.sleep(paceMs, this.#signal);
    }
  }

  /** Throws once time is up, or the service has ended or is parked: an outage of ClickHouse is no reason for either. */
  #check(what: string): void {
    if (this.#signal.aborted) throw new Error(`${String(this.#signal.reason)}, waiting for: ${what}`);
    const { service } = this.#rig;
    if (!service.isRunning()) throw new Error(`the service ended, waiting for: ${what}`);
    const parked = service.status()?.parked ?? null;
    if (parked !== null) throw new Error(`parked: ${parked}`);
  }

  async #overdue(): Promise<never> {
    for (;;) {
      this.#check('the feed');
      await systemClock.sleep(readEveryMs, this.#signal);
    }
  }
}

/** Records of payments in the archive, and how many of the numbers below `sent` are among them. */
async function archived(url: string, sent: number): Promise<{ readonly records: number; readonly numbers: number }> {
  const sql = `
    SELECT count(), uniqExactIf(n, n < ${sent})
    FROM (SELECT toUInt64OrZero(substring(JSONExtractString(ifNull(value, ''), 'id'), 3)) AS n
          FROM ${database}.events FINAL WHERE topic = 'payments')
    FORMAT TSV`;
  for await (const line of queryLines(url, sql)) {
    const [records = 0, numbers = 0] = line.split('\t').map(Number);
    return { records, numbers };
  }
  throw new Error('ClickHouse answers without a row');
}
