import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../telemetry/clock.ts';
import { freePort } from '../free-port.ts';

/** One RabbitMQ node on loopback with a scratch folder; user and password are guest. */
export interface RabbitServer {
  /** `amqp://127.0.0.1:port`. */
  readonly url: string;
  /** kill -9; what is durable stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  resume(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const readyTimeoutMs = 60_000;
const usual = ['/usr/lib/rabbitmq/bin/rabbitmq-server', '/opt/rabbitmq/sbin/rabbitmq-server'];

/** The server's script; null where there is none. Not the one in `sbin`, which on Debian asks for another user. */
export function findRabbit(): string | null {
  const named = process.env['MILLRACE_RABBITMQ_SERVER'];
  return [...(named ? [named] : usual)].find((path) => existsSync(path)) ?? null;
}

/** A node of its own, which no other on this machine knows of. It ends with this process, however that ends. */
export async function startRabbit(): Promise<RabbitServer> {
  const script = findRabbit();
  if (script === null) throw new Error('no rabbitmq-server here: guard the suite with requireRabbit()');
  const folder = mkdtempSync(join(tmpdir(), 'millrace-rabbit-'));
  const [port, distributionPort, epmdPort] = [await freePort(), await freePort(), await freePort()];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `millrace-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'config'),
    RABBITMQ_SCHEMA_DIR: join(folder, 'schema'),
    RABBITMQ_PLUGINS_EXPAND_DIR: join(folder, 'plugins'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_CONFIG_FILE: join(folder, 'none'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none-either'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'no-env'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'no-plugins'),
    // So that the script becomes the node instead of watching over it.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-noshell -noinput',
  };
  const node = new RabbitNode(script, env, port);
  try {
    await node.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    url: `amqp://127.0.0.1:${port}`,
    kill: () => node.kill(),
    resume: () => node.start(),
    async stop() {
      await node.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The node and its name server, through a shell that ends both when our end of its standard input closes: with us, however we end. */
class RabbitNode {
  readonly #script: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #port: number;
  #child: ChildProcess | null = null;
  #gone: Promise<unknown> = Promise.resolve();
  #said = '';

  constructor(script: string, env: NodeJS.ProcessEnv, port: number) {
    this.#script = script;
    this.#env = env;
    this.#port = port;
  }

  async start(): Promise<void> {
    const both =
      'epmd </dev/null >&2 & names=$!; "$0" </dev/null >&2 & node=$!; (cat >/dev/null; kill -9 "$node" "$names" 2>/dev/null) <&3 & wait "$node"';
    const child = spawn('sh', ['-c', `exec 3<&0; ${both}`, this.#script], {
      env: this.#env,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-4_000)));
    child.stdin?.on('error', () => {});
    this.#child = child;
    this.#gone = once(child, 'exit').then(() => (this.#child = null));
    const untilMs = systemClock.nowMs() + readyTimeoutMs;
    while (!(await greets(this.#port))) {
      if (this.#child === null || systemClock.nowMs() > untilMs) {
        await this.kill();
        throw new Error(`RabbitMQ did not start: ${this.#said}`);
      }
      await systemClock.sleep(100);
    }
  }

  async kill(): Promise<void> {
    this.#child?.stdin?.end();
    await this.#gone;
  }
}

/** Whether something speaks AMQP there: it answers the protocol header. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\u0000\u0000\u0009\u0001', 'latin1'));
    const settle = (does: boolean): void => {
      socket.destroy();
      resolve(does);
    };
    socket.once('data', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}
