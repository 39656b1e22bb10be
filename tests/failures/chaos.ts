import { numberedOrder } from '../crash/rig.ts';
import type { ServiceProcess } from '../crash/service-process.ts';
import { runTrial, type Trial, type TrialOptions, type TrialOutcome } from '../crash/trial.ts';
import { webhookFaults } from '../crash/webhook-check.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { chaosPlan, faultKinds, type FaultKind, type PlannedFault, type Victim } from './chaos-plan.ts';
import { brokerOf, flowing, folded } from './flow.ts';
import { checkOrderLogs } from './log-checks.ts';

export interface ChaosOptions extends Omit<TrialOptions, 'broker' | 'hasProxy' | 'hasWebhooks' | 'env'> {
  readonly forMs: number;
  /** Tasks that the instances share. */
  readonly shards: number;
}

export interface ChaosOutcome extends Omit<TrialOutcome<unknown>, 'driven'> {
  /** How often each was done. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** What was not as it must be, in words, rows excepted. */
  readonly wrong: readonly string[];
}

const instancesCount = 3;
const lookEveryMs = 200;
const faultsMax = 5;

/** Events through three instances on a real broker while everything goes wrong, several things at once; then every row, and every webhook. */
export async function runChaos({ forMs, shards, ...options }: ChaosOptions): Promise<ChaosOutcome> {
  const env = { NUMBERED_SHARDS: String(shards), MILLRACE_SNAPSHOTS_STORE: 'clickhouse' };
  const rig = { ...options, broker: 'real', hasProxy: true, hasWebhooks: true, env } as const;
  const { driven, ...outcome } = await runTrial(rig, async (trial) => {
    const { faults, wrong } = await new Chaos(trial).run(forMs);
    await trial.finish();
    return { faults, wrong: [...wrong, ...(await orderLogFaults(trial, shards))] };
  });
  const wrong = [...driven.wrong, ...(outcome.webhooks ? webhookFaults(outcome.webhooks) : [])];
  return { ...outcome, faults: driven.faults, wrong };
}

/** One accepted writer at a time, and every record of the input ordered once. */
async function orderLogFaults({ rig }: Trial, shards: number): Promise<readonly string[]> {
  const reader = await rig.kafka.reader();
  const { faults } = await checkOrderLogs(reader, { order: numberedOrder, input: 'payments', shards });
  await reader.close();
  return faults.slice(0, faultsMax);
}

class Chaos {
  readonly #trial: Trial;
  readonly #instances: readonly ServiceProcess[];
  readonly #guest: ServiceProcess;
  /** Those that must be running: nobody but us ends them. */
  readonly #up = new Set<ServiceProcess>();
  readonly #done = new Map<FaultKind, number>();
  readonly #wrong: string[] = [];
  /** The most that one instance had of all. */
  #folded = 0;

  constructor(trial: Trial) {
    const { rig } = trial;
    this.#trial = trial;
    this.#instances = [rig.service, ...Array.from({ length: instancesCount - 1 }, () => rig.addService())];
    this.#guest = rig.addService();
  }

  async run(forMs: number): Promise<Pick<ChaosOutcome, 'faults' | 'wrong'>> {
    const { options, signal } = this.#trial;
    await flowing(this.#trial);
    for (const instance of this.#instances) {
      if (!instance.isRunning()) instance.start();
      this.#up.add(instance);
    }
    const startedMs = systemClock.nowMs();
    const busy = new Map<Victim, Promise<void>>();
    for (const fault of chaosPlan(options.seed, forMs, instancesCount)) {
      await this.#watch(startedMs + fault.atMs);
      // On a slow machine what was broken last is not whole again yet: then this one is left out.
      if (busy.has(fault.victim)) continue;
      const broken = this.#break(fault).then(() => void busy.delete(fault.victim));
      broken.catch(() => undefined);
      busy.set(fault.victim, broken);
    }
    await this.#watch(startedMs + forMs);
    options.say('the last faults pass');
    await Promise.all(busy.values());
    if (signal.aborted) throw new Error(`${String(signal.reason)}, waiting for: the chaos`);
    options.say(`${this.#folded} records folded by one instance at most meanwhile`);
    const faults = Object.fromEntries(faultKinds.flatMap((kind) => countOf(kind, this.#done)));
    return { faults, wrong: this.#wrong };
  }

  /** Until then, sees whether an instance ends by itself. */
  async #watch(untilMs: number): Promise<void> {
    const { signal } = this.#trial;
    while (systemClock.nowMs() < untilMs) {
      this.#trial.check('the chaos');
      this.#folded = Math.max(this.#folded, folded(this.#trial));
      for (const instance of this.#up) {
        if (instance.isRunning()) continue;
        this.#wrong.push(`an instance ended by itself: ${instance.lastWords()}`);
        instance.start();
      }
      await systemClock.sleep(Math.min(lookEveryMs, Math.max(1, untilMs - systemClock.nowMs())), signal);
    }
  }

  async #break(fault: PlannedFault): Promise<void> {
    const { kind, victim, lastsMs, chance } = fault;
    this.#trial.options.say(`${kind} (${victim}) for ${lastsMs} ms`);
    const passes = (): Promise<void> => systemClock.sleep(lastsMs, this.#trial.signal);
    const broker = brokerOf(this.#trial);
    const { proxy } = this.#trial.rig;
    const instance = this.#instances[Number(victim.split('-')[1])] ?? this.#guest;
    switch (kind) {
      case 'broker-sigterm':
      case 'broker-absent':
      case 'broker-sigkill':
        await broker.halt(kind === 'broker-sigkill' ? 'SIGKILL' : 'SIGTERM');
        await passes();
        await broker.resume();
        break;
      case 'bytes-dropped':
        proxy?.drop();
        await passes();
        proxy?.heal();
        break;
      case 'clickhouse-killed':
        await this.#killClickHouse();
        break;
      case 'instance-stopped':
        instance.signal('SIGSTOP');
        await passes();
        instance.signal('SIGCONT');
        break;
      case 'instance-killed':
      case 'instance-leaves':
      case 'instance-drains':
        this.#up.delete(instance);
        await instance.kill(kind === 'instance-killed' ? 'SIGKILL' : 'SIGTERM');
        await passes();
        this.#start(instance);
        break;
      case 'guest-joins':
        this.#start(instance);
        await passes();
        this.#up.delete(instance);
        await instance.kill(chance < 0.5 ? 'SIGKILL' : 'SIGTERM');
        break;
    }
    this.#done.set(kind, (this.#done.get(kind) ?? 0) + 1);
  }

  #start(instance: ServiceProcess): void {
    if (this.#trial.signal.aborted) return;
    instance.start();
    this.#up.add(instance);
  }

  async #killClickHouse(): Promise<void> {
    const { clickhouse } = this.#trial.rig;
    await this.#trial.until(() => clickhouse.pid() !== null, 'ClickHouse is up');
    process.kill(clickhouse.pid() ?? 0, 'SIGKILL');
  }
}

const countOf = (kind: FaultKind, done: ReadonlyMap<FaultKind, number>): readonly (readonly [FaultKind, number])[] => {
  const count = done.get(kind);
  return count === undefined ? [] : [[kind, count]];
};
