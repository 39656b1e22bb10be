import type { Payment } from '../../events/payment.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { failpointNames, type FailpointName } from '../../tasks/failpoint.ts';
import { compareInClickHouse, type CrashComparison } from './crash-compare.ts';
import { crashPayment, startFeed, type Feed } from './crash-feed.ts';
import { fraction } from './fraction.ts';
import { numberedRows } from './numbered-oracle.ts';
import { database, openRig, partitions, type CrashRig, type RigOptions } from './rig.ts';

export interface CrashOptions extends RigOptions {
  readonly events: number;
  /** What dies: the service or the ClickHouse child by kill -9, or the service by its own hand at each failpoint in turn. */
  readonly victim: 'service' | 'clickhouse' | 'failpoints';
  /** How often; of failpoints: so often each. */
  readonly kills: number;
  readonly seed: number;
  readonly timeoutMs: number;
}

export interface CrashOutcome extends CrashComparison {
  readonly kills: number;
  readonly elapsedMs: number;
}

/** Two hours ago: all of it is the past when it is sent, whatever the machine's pace. */
const agoMs = 7_200_000;
const lookEveryMs = 25;
/** A kill comes up to so long after its share of the events is folded. */
const delayMaxMs = 400;
/** A death is at most at so many-th passing of a place; of others at the first. */
const passingsMax: Partial<Record<FailpointName, number>> = {
  ...{ 'after-append': 20, 'after-read-back': 20, 'after-fold': 20, 'mid-output': 10, 'after-output': 10 },
  ...{ 'mid-snapshot': 2, 'after-snapshot': 2 },
};
/** So many events each look while the service has not died where it is to. */
const trickleEvents = 10;
const settledReads = 3;
const readEveryMs = 500;
const looksMax = 5;

/** Numbered events through a service that is killed again and again; in the end every row against the oracle. */
export async function runCrash(options: CrashOptions): Promise<CrashOutcome> {
  const startedMs = systemClock.nowMs();
  const rig = await openRig(options);
  const over = new AbortController();
  const late = setTimeout(
    () => over.abort(new Error(`not done within ${options.timeoutMs / 1_000} s`)),
    options.timeoutMs,
  );
  try {
    rig.service.start();
    const run = new Run(options, rig, over.signal);
    const kills = await run.drive();
    const compared = await run.compare();
    return { ...compared, kills, elapsedMs: systemClock.nowMs() - startedMs };
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

class Run {
  readonly #options: CrashOptions;
  readonly #rig: CrashRig;
  readonly #signal: AbortSignal;
  readonly #baseMs: number;
  #sent = 0;

  constructor(options: CrashOptions, rig: CrashRig, signal: AbortSignal) {
    this.#options = options;
    this.#rig = rig;
    this.#signal = signal;
    this.#baseMs = Math.floor((systemClock.nowMs() - agoMs - options.events) / 60_000) * 60_000;
  }

  /** Feeds, kills, and waits until all is folded and inserted. Gives how often something was killed. */
  async drive(): Promise<number> {
    const { events, seed, say, victim, kills } = this.#options;
    await this.#until(() => this.#rig.service.status()?.isOwner === true, 'the service owns its task');
    const { producer } = this.#rig;
    const feed = startFeed({
      producer,
      topic: 'payments',
      partitions,
      seed,
      baseMs: this.#baseMs,
      signal: this.#signal,
    });
    feed.done.catch(() => undefined);
    const deaths = victim === 'failpoints' ? kills * failpointNames.length : kills;
    for (let death = 0; death < deaths; death++) {
      feed.allow(Math.ceil(((death + 1) * events) / (deaths + 1)));
      await this.#die(feed, death, deaths);
      if ((death + 1) % 10 === 0) say(`${death + 1} of ${deaths} killed; ${this.#folded()} records folded`);
    }
    feed.finish(events);
    await Promise.race([feed.done, this.#overdue()]);
    this.#sent = feed.sent();
    if (!this.#rig.service.isRunning()) this.#rig.service.start();
    await this.#settle();
    return deaths;
  }

  /** One row an identity, of what is stored and what there must be. Looks again while rows may be on their way. */
  async compare(): Promise<CrashComparison> {
    const { seed, say } = this.#options;
    const payments = Array.from({ length: this.#sent }, (_, i): Payment => crashPayment(seed, this.#baseMs, i));
    const expected = numberedRows(payments);
    for (let looksLeft = looksMax; ; looksLeft--) {
      say(`comparing ${expected.size} windows`);
      const compared = await compareInClickHouse(this.#rig.clickhouse.url, database, expected);
      if (compared.missing + compared.different === 0 || looksLeft === 1) return compared;
      await this.#settle();
    }
  }

  /** One death, at its seeded moment. */
  async #die(feed: Feed, death: number, deaths: number): Promise<void> {
    const { events, seed, victim } = this.#options;
    const { service, clickhouse } = this.#rig;
    if (victim === 'failpoints') return this.#dieAtFailpoint(feed, death);
    const moment = ((death + fraction(seed, 1_000_000 + death)) / (deaths + 1)) * events;
    await this.#until(
      () => this.#folded() >= moment || feed.sent() >= events,
      `${Math.round(moment)} records are folded`,
    );
    await systemClock.sleep(delayMaxMs * fraction(seed, 2_000_000 + death), this.#signal);
    if (victim === 'service') {
      await service.kill();
      service.start();
      return;
    }
    await this.#until(() => clickhouse.pid() !== null, 'ClickHouse is up');
    process.kill(clickhouse.pid() ?? 0, 'SIGKILL');
  }

  /** The service is started so that it kills itself at the next failpoint, and goes on until it has. */
  async #dieAtFailpoint(feed: Feed, death: number): Promise<void> {
    const { seed } = this.#options;
    const { service, kafka } = this.#rig;
    const name = failpointNames[death % failpointNames.length] ?? 'after-fold';
    const passing = 1 + Math.floor(fraction(seed, death) * (passingsMax[name] ?? 1));
    await service.kill();
    service.start(`${name}:${passing}`);
    if (name === 'in-revoke') {
      // Nothing is revoked by itself: a second member joins, and what it is given is taken from the first.
      await this.#until(() => service.status()?.isOwner === true || !service.isRunning(), 'the service owns its task');
      const member = await kafka.membership({
        groupId: 'millrace.numbered.v1',
        topics: ['millrace.order.numbered.v1'],
        kind: 'group',
        sessionTimeoutMs: 2_000,
      });
      await member.start({ assigned: () => {}, revoked: () => {}, failed: () => {} });
      await this.#until(() => !service.isRunning(), `it dies at ${name}`);
      await member.close();
      return;
    }
    // A place where nothing happens without records needs some.
    await this.#until(() => {
      if (service.status()?.isOwner === true) feed.allow(feed.sent() + trickleEvents);
      return !service.isRunning();
    }, `it dies at ${name}:${passing}`);
  }

  #folded(): number {
    return this.#rig.service.status()?.folded ?? 0;
  }

  /** Nothing is left to fold or to insert, and nothing comes any more. */
  async #settle(): Promise<void> {
    const { say } = this.#options;
    const meter = await this.#rig.openMeter();
    let zeros = 0;
    let producedBefore = -1;
    for (let reads = 0; zeros < settledReads; reads++) {
      this.#check();
      const lag = await meter.read();
      const isZero = lag.unfolded === 0 && lag.uninserted === 0 && lag.produced === producedBefore;
      zeros = isZero ? zeros + 1 : 0;
      producedBefore = lag.produced;
      if (reads % 10 === 0) say(`to fold ${lag.unfolded}, to insert ${lag.uninserted}`);
      await systemClock.sleep(readEveryMs, this.#signal);
    }
    await meter.close();
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      this.#check(what);
      await systemClock.sleep(lookEveryMs, this.#signal);
    }
  }

  /** Throws once time is up, or the service is parked. */
  #check(what = 'settling'): void {
    if (this.#signal.aborted) throw new Error(`${String(this.#signal.reason)}, waiting for: ${what}`);
    const trouble = this.#rig.service.status()?.trouble ?? null;
    if (trouble?.startsWith('parked')) throw new Error(trouble);
  }

  async #overdue(): Promise<never> {
    for (;;) {
      this.#check('the feed');
      await systemClock.sleep(readEveryMs, this.#signal);
    }
  }
}
