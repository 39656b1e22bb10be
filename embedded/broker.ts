import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { KafkaDriver } from '../kafka/contract.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { GateGroup } from './gate-ledger.ts';

/** What the child is told (as JSON in its first argument) and what it tells when it is up. */
export interface BrokerSetup {
  readonly driver: KafkaDriver;
  readonly gate: { readonly bytesMax: number; readonly groups: readonly GateGroup[] };
  readonly outlivesParent: boolean;
}
export type BrokerMessage =
  | { readonly kind: 'up'; readonly brokers: string; readonly gateAddress: string }
  | { readonly kind: 'failed'; readonly message: string };

export interface EmbeddedBrokerOptions {
  readonly logger: Logger;
  readonly driver: KafkaDriver;
  /** Groups that are configured hold the gate whether they run or not. Default bound: 3 MB. */
  readonly gate: { readonly bytesMax?: number; readonly groups: readonly GateGroup[] };
  /** For a harness that kills the process which started the broker. Stop it by its `pid` then. */
  readonly outlivesParent?: boolean;
}

export interface EmbeddedBroker {
  /** `127.0.0.1:port`, for any Kafka client on this machine. */
  readonly brokers: string;
  /** For `connectGate`. */
  readonly gateAddress: string;
  readonly pid: number;
  /** Called once if the child ends without being told: everything in the broker is gone then. */
  onExit(callback: (how: { readonly code: number | null; readonly signal: string | null }) => void): void;
  stop(): Promise<void>;
}

/** Under the about 5 MB a partition that the mock cluster keeps. */
export const gateBytesMaxDefault = 3_000_000;
const startTimeoutMs = 60_000;
const stopTimeoutMs = 2_000;

/**
 * Starts the embedded broker and its gate in a child process, which ends with this one and ignores SIGINT and SIGTERM
 * (they reach the whole process group, and we drain into the broker first). In memory: it forgets on exit.
 */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const setup: BrokerSetup = {
    driver: options.driver,
    gate: { bytesMax: options.gate.bytesMax ?? gateBytesMaxDefault, groups: options.gate.groups },
    outlivesParent: options.outlivesParent ?? false,
  };
  const child = spawnChild(setup);
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const { brokers, gateAddress } = await untilUp(child, exited);
  if (setup.outlivesParent) {
    child.unref();
    child.channel?.unref();
  }
  options.logger.info(
    { brokers, pid: child.pid },
    'embedded broker: in memory, forgets on exit, keeps about 5 MB a partition. Set MILLRACE_KAFKA_BROKERS for a real one',
  );
  let isStopping = false;
  return {
    brokers,
    gateAddress,
    pid: child.pid ?? -1,
    onExit(callback) {
      void exited.then((how) => {
        if (!isStopping) callback(how);
      });
    },
    async stop() {
      isStopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      if (child.connected) child.send({ kind: 'stop' });
      else child.kill('SIGKILL');
      await exited;
      clearTimeout(timer);
    },
  };
}

function spawnChild(setup: BrokerSetup): ChildProcess {
  const require = createRequire(import.meta.url);
  const tsx = pathToFileURL(require.resolve('tsx')).href;
  const script = fileURLToPath(new URL('./broker-child.ts', import.meta.url));
  return spawn(process.execPath, ['--import', tsx, script, JSON.stringify(setup)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    detached: setup.outlivesParent,
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
  });
}

function untilUp(
  child: ChildProcess,
  exited: Promise<{ code: number | null; signal: string | null }>,
): Promise<BrokerMessage & { kind: 'up' }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the embedded broker did not start within ${startTimeoutMs / 1000} s`));
    }, startTimeoutMs);
    child.once('message', (message: BrokerMessage) => {
      clearTimeout(timer);
      if (message.kind === 'up') resolve(message);
      else reject(new Error(`the embedded broker did not start: ${message.message}`));
    });
    child.once('error', reject);
    void exited.then(({ code, signal }) => {
      clearTimeout(timer);
      reject(new Error(`the embedded broker ended at once (${signal ?? code})`));
    });
  });
}
