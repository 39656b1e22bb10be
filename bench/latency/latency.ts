// From when a payment is due until its decision is on the topic, its alert at a webhook's receiver, and in a frame of a browser: everything
// that `npm start` runs, in an open loop at half and at four fifths of the rate that it sustains.
import { parseArgs } from 'node:util';
import type { Receiver } from '../../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { runMeasured } from '../measured-process.ts';
import { type Measured, percentiles, rounded } from '../meter.ts';
import { TreeMeter } from '../tree-meter.ts';
import type { LatencyLoad, LoadDone } from './load.ts';
import { dueOf } from './marks.ts';
import { type WatchedPage, watchAlerts } from './page.ts';
import { type LatencyService, type Processes, startService } from './service.ts';
import { findSustained, holding, type Tried, whyNot } from './sustained.ts';

type Percentiles = ReturnType<typeof percentiles>;

/** At one rate. */
export interface AtRate extends LoadDone {
  readonly perSecond: number;
  /** Alerts that were to be seen by webhook and browser. */
  readonly alerts: number;
  readonly webhook: Percentiles;
  readonly browser: Percentiles;
  /** Why such a rate is not sustained; null: it is. */
  readonly because: string | null;
  /** Two seconds after the last payment. */
  readonly lagRecords: Readonly<Record<string, number>>;
  /** Of the service and all that it started, warm-up included. */
  readonly usage: Measured;
}

/** Its own figures are those of all processes of the service, at half the rate; payments are its events. */
export interface LatencyResult extends Pick<AtRate, 'decision' | 'webhook' | 'browser'>, Measured {
  readonly bench: 'latency';
  readonly broker: string;
  readonly processes: Processes;
  /** The highest rate tried at which no queue grows, lowered until none grows for longer at half and four fifths of it. */
  readonly sustainedPerSecond: number;
  readonly tried: readonly Tried[];
  readonly half: AtRate;
  readonly fourFifths: AtRate;
  /** Alerts of all rates, those that the payments raise by themselves included, over payments. */
  readonly alertShare: number;
  /** p99 at four fifths of the rate over p99 at half of it. */
  readonly ratios: Readonly<Record<'decision' | 'webhook' | 'browser', number>>;
  readonly isWithinGoal: boolean;
}

/** p99 at half of the rate: to the topic, to the webhook, to the browser. */
const goalMs = { decision: 20, webhook: 50, browser: 100 };
/** Of the payments that raise an alert which is measured; as many in real data are fraud (.6 to .8 %). */
const markedShare = 0.005;
const markedPerSecondMin = 3;
const perSecondMin = 10;
const warmUpSeconds = 5;
const trySeconds = 20;
const warmUpBrokerSeconds = 30;
const settleMs = 2_000;
const calmMs = 90_000;
const calmRecords = 500;
const lagLine = /^millrace_(task|clickhouse)_lag_records\{(?:pipeline|topic)="([^"]+)"[^}]*\} (\d+)/gm;

export async function benchLatency(args: readonly string[]): Promise<LatencyResult> {
  const { seconds, sustained, processes, say } = optionsOf(args);
  const service = await startService(processes);
  const page = await watchAlerts(service.url).catch(async (error: unknown) => {
    await service.stop();
    throw error;
  });
  try {
    const run = new Run(service, page);
    await run.at(50, 8);
    // The search warms the broker's JVM by itself.
    if (sustained !== null) await run.at(sustained / 2, warmUpBrokerSeconds);
    const tryAt = async (perSecond: number): Promise<AtRate> => {
      const at = await run.at(perSecond, trySeconds);
      say(`${perSecond} a second: ${at.because ?? 'sustained'}; p99 ${at.decision.p99Ms} ms`);
      return at;
    };
    const found = sustained === null ? await findSustained(tryAt) : { perSecond: sustained, tried: [] };
    const held = await holding(found.perSecond, sustained !== null, async (perSecond) => {
      await run.calm();
      return run.at(Math.max(perSecondMin, perSecond), seconds);
    });
    const { half, fourFifths } = held;
    const { decision, webhook, browser } = half;
    const isWithinGoal =
      decision.p99Ms <= goalMs.decision && webhook.p99Ms <= goalMs.webhook && browser.p99Ms <= goalMs.browser;
    return {
      ...{ bench: 'latency', broker: service.name, processes: service.processes, ...half.usage },
      ...{ decision, webhook, browser },
      ...{ sustainedPerSecond: held.perSecond, tried: found.tried, half, fourFifths },
      ...{ alertShare: run.alertShare(), isWithinGoal },
      ratios: {
        decision: rounded(fourFifths.decision.p99Ms / decision.p99Ms),
        webhook: rounded(fourFifths.webhook.p99Ms / webhook.p99Ms),
        browser: rounded(fourFifths.browser.p99Ms / browser.p99Ms),
      },
    };
  } finally {
    await page.close();
    await service.stop();
  }
}

/** One service after another rate, and what was seen of it. */
class Run {
  readonly #service: LatencyService;
  readonly #page: WatchedPage;
  #phases = 0;
  #sent = 0;

  constructor(service: LatencyService, page: WatchedPage) {
    this.#service = service;
    this.#page = page;
  }

  /** Resolves when what the rates before have left behind is worked off, or does not get less in time. */
  async calm(): Promise<void> {
    const lateMs = Date.now() + calmMs;
    do await systemClock.sleep(settleMs);
    while (Date.now() < lateMs && Object.values(await lagOf(this.#service)).some((records) => records > calmRecords));
  }

  async at(perSecond: number, seconds: number): Promise<AtRate> {
    const phase = this.#nextPhase();
    const meter = await TreeMeter.begin(this.#service.pids);
    const load = await this.#load({ perSecond, seconds, phase });
    const usage = await meter.end(load.sent);
    await systemClock.sleep(settleMs);
    const { receiver, hookTimes } = this.#service;
    const told = await heard(receiver, this.#page, hookTimes, phase);
    const at = { perSecond, ...load, ...told, lagRecords: await lagOf(this.#service), usage };
    return { ...at, because: whyNot(at) };
  }

  alertShare(): number {
    const raised = this.#service.receiver.received.filter(({ transition }) => transition === 'raised').length;
    return rounded(raised / this.#sent, 4);
  }

  async #load(load: Pick<LatencyLoad, 'perSecond' | 'seconds' | 'phase'>): Promise<LoadDone> {
    const { brokers, isEmbedded } = this.#service;
    const alertsPerSecond = Math.max(markedPerSecondMin, load.perSecond * markedShare);
    const setup: LatencyLoad = { ...load, brokers, isEmbedded, warmUpSeconds, alertsPerSecond };
    const done = await runMeasured<LoadDone>({ file: 'latency/load.ts', setup });
    this.#sent += done.sent;
    return done;
  }

  #nextPhase(): string {
    return `phase${++this.#phases}`;
  }
}

/** What receiver and page have seen of one phase, after its warm-up. */
async function heard(
  receiver: Receiver,
  page: WatchedPage,
  hookTimes: readonly number[],
  phase: string,
): Promise<Pick<AtRate, 'webhook' | 'browser'>> {
  const hooks = receiver.received.map(({ body, transition }, i) => {
    const { data } = JSON.parse(body) as { readonly data: { readonly entityId: string } };
    return [transition === 'raised' ? data.entityId : '', hookTimes[i] ?? Number.NaN] as const;
  });
  const latencies = (shown: readonly (readonly [string, number])[]): readonly number[] => {
    const due = shown.flatMap(([id, atMs]) => {
      const dueMs = dueOf(id, phase);
      return dueMs === null ? [] : [{ dueMs, atMs }];
    });
    const fromMs = Math.min(...due.map(({ dueMs }) => dueMs)) + warmUpSeconds * 1_000;
    return due.filter(({ dueMs }) => dueMs >= fromMs).map(({ dueMs, atMs }) => atMs - dueMs);
  };
  return { webhook: percentiles(latencies(hooks)), browser: percentiles(latencies(await page.shown())) };
}

/** Records that the pipelines and the ClickHouse sink have still to read, of each the most. */
async function lagOf({ urls }: LatencyService): Promise<Readonly<Record<string, number>>> {
  const lag: Record<string, number> = {};
  for (const url of urls)
    for (const [, name = '', label = '', value = ''] of (await (await fetch(`${url}/metrics`)).text()).matchAll(
      lagLine,
    )) {
      const key = name === 'task' ? label : `clickhouse ${label}`;
      lag[key] = Math.max(lag[key] ?? 0, Number(value));
    }
  return lag;
}

function optionsOf(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '35' },
      sustained: { type: 'string' },
      processes: { type: 'string', default: 'one' },
      json: { type: 'boolean', default: false },
    },
  });
  const say = values.json ? () => {} : (line: string) => void process.stderr.write(`${line}\n`);
  const sustained = values.sustained === undefined ? null : Number(values.sustained);
  const processes: Processes = values.processes === 'apart' ? 'apart' : 'one';
  return { seconds: Number(values.seconds), sustained, processes, say };
}
