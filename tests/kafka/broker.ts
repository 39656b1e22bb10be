import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../telemetry/clock.ts';
import { freePort } from '../free-port.ts';
import { createCertificates, type Certificates } from './certificates.ts';
import { brokerJars } from './jars.ts';

/** What the broker is to offer beside its plain listener. */
export interface StartKafkaOptions {
  /** Listeners with SASL/SCRAM (SHA-256 and SHA-512) for these users. */
  readonly sasl?: readonly { readonly username: string; readonly password: string }[];
  /** Listeners with TLS, by a CA of its own. */
  readonly tls?: boolean;
  /** One more plain listener, which tells its clients this port on loopback: a proxy's. */
  readonly proxyPort?: number;
  /** Checks ACLs. Who comes by the plain listener may do everything; users may do what an ACL allows. */
  readonly acls?: boolean;
  /** Further broker settings. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** One KRaft node on loopback: broker and controller in one process. */
export interface RealKafka {
  /** `127.0.0.1:port`, plain text. */
  readonly brokers: string;
  readonly saslBrokers: string;
  readonly tlsBrokers: string;
  readonly saslTlsBrokers: string;
  /** What the proxy forwards to; only with `proxyPort`. */
  readonly proxiedBrokers: string;
  /** Null without `tls`. */
  readonly caFile: string | null;
  readonly version: string;
  /** Ends the process by this signal and waits for it; data stays. SIGTERM lets it close its logs. */
  halt(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again on the same ports and data. */
  resume(): Promise<void>;
  /** Sends a signal without waiting: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** A machine that does ten other things takes a minute for what takes three seconds. */
const readyTimeoutMs = 180_000;
const haltTimeoutMs = 20_000;

/**
 * A real Apache Kafka for tests: topics default to 4 partitions and LogAppendTime and are made on being asked, groups rebalance
 * at once and take session time-outs from 1 s. Throws where the jars or Java cannot be had (`requireRealKafka` says so first).
 * It ends with this process, however that ends.
 */
export async function startKafka(options: StartKafkaOptions = {}): Promise<RealKafka> {
  const jars = brokerJars();
  if (jars.kind === 'missing') throw new Error(jars.reason);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'));
  try {
    const certificates = options.tls ? createCertificates(folder) : null;
    const free = new Set<number>();
    while (free.size < 6) free.add(await freePort());
    const ports = [...free];
    const settings = settingsOf(options, folder, ports, certificates);
    const file = join(folder, 'server.properties');
    writeFileSync(
      file,
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    const node = new BrokerProcess(jars.folder, folder, file, ports[0] ?? 0);
    node.format(options.sasl ?? []);
    await node.start();
    const [brokers = '', saslBrokers = '', tlsBrokers = '', saslTlsBrokers = '', , proxiedBrokers = ''] = ports.map(
      (port) => `127.0.0.1:${port}`,
    );
    return {
      ...{ brokers, saslBrokers, tlsBrokers, saslTlsBrokers, proxiedBrokers, version: jars.version },
      caFile: certificates?.caFile ?? null,
      halt: (signal) => node.halt(signal),
      resume: () => node.start(),
      signal: (signal) => node.signal(signal),
      stop: async () => {
        await node.halt('SIGTERM');
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

type Settings = Readonly<Record<string, string | number | boolean>>;

/** The server's properties; ports: plain, SASL, TLS, both, controller, proxied. */
function settingsOf(
  { sasl, proxyPort, acls, settings }: StartKafkaOptions,
  folder: string,
  ports: readonly number[],
  certificates: Certificates | null,
): Settings {
  const names = ['PLAINTEXT', ...(sasl ? ['SASL_PLAINTEXT'] : []), ...(certificates ? ['SSL'] : [])];
  if (sasl && certificates) names.push('SASL_SSL');
  if (proxyPort !== undefined) names.push('PROXIED');
  const portOf: Readonly<Record<string, number | undefined>> = {
    PLAINTEXT: ports[0],
    SASL_PLAINTEXT: ports[1],
    SSL: ports[2],
    SASL_SSL: ports[3],
    PROXIED: ports[5],
  };
  const listeners = names.map((name) => `${name}://127.0.0.1:${portOf[name]}`).join(',');
  const advertised = names.map((name) => `${name}://127.0.0.1:${name === 'PROXIED' ? proxyPort : portOf[name]}`);
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const saslNames = names.filter((name) => name.startsWith('SASL')).map((name) => name.toLowerCase());
  const mechanisms = ['scram-sha-256', 'scram-sha-512'];
  const logins = saslNames.flatMap((name) =>
    mechanisms.map((one) => [`listener.name.${name}.${one}.sasl.jaas.config`, scram]),
  );
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${ports[4]}`,
    listeners: `${listeners},CONTROLLER://127.0.0.1:${ports[4]}`,
    'advertised.listeners': advertised.join(','),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': [...names, 'CONTROLLER'].map((name) => `${name}:${protocolOf(name)}`).join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(folder, 'log'),
    'num.partitions': 4,
    'log.message.timestamp.type': 'LogAppendTime',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // A broker that was killed may come back as soon as the controller misses it.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 500,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1_000,
    'log.retention.check.interval.ms': 1_000,
    'log.segment.delete.delay.ms': 1_000,
    'file.delete.delay.ms': 1_000,
    ...(sasl && { 'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512', ...Object.fromEntries(logins) }),
    ...(certificates && {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': certificates.keyStoreFile,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': certificates.caFile,
    }),
    ...(acls && {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    }),
    ...settings,
  };
}

const protocolOf = (listener: string): string =>
  listener === 'CONTROLLER' || listener === 'PROXIED' ? 'PLAINTEXT' : listener;

/** The Java process, through a shell that ends it when our end of its standard input closes: with us, however we end. */
class BrokerProcess {
  readonly #jars: string;
  readonly #folder: string;
  readonly #properties: string;
  readonly #port: number;
  #child: ChildProcess | null = null;
  #gone: Promise<unknown> = Promise.resolve();
  #javaPid = 0;

  constructor(jars: string, folder: string, properties: string, port: number) {
    this.#jars = jars;
    this.#folder = folder;
    this.#properties = properties;
    this.#port = port;
  }

  /** Makes the data folder, with the users that may log in. */
  format(users: NonNullable<StartKafkaOptions['sasl']>): void {
    const scram = users.flatMap(({ username, password }) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${username},password=${password}]`,
      ]),
    );
    const args = ['format', '-t', 'bWlsbHJhY2UtdGVzdC0wMQ', '-c', this.#properties, ...scram];
    const { status, stdout, stderr } = spawnSync('java', this.#java('256m', 'kafka.tools.StorageTool', args), {
      encoding: 'utf8',
      timeout: readyTimeoutMs,
    });
    if (status !== 0) throw new Error(`kafka.tools.StorageTool: ${stdout}${stderr}`);
  }

  async start(): Promise<void> {
    const script =
      '"$@" </dev/null >&2 & pid=$!; echo "$pid"; (cat >/dev/null; kill -9 "$pid" 2>/dev/null) <&3 & wait "$pid"';
    const said = openSync(join(this.#folder, 'broker.log'), 'a');
    const java = this.#java('1g', 'kafka.Kafka', [this.#properties]);
    const child = spawn('sh', ['-c', `exec 3<&0; ${script}`, 'sh', 'java', ...java], { stdio: ['pipe', 'pipe', said] });
    closeSync(said);
    this.#child = child;
    this.#gone = once(child, 'exit').then(() => (this.#child = null));
    const [first] = (await once(child.stdout ?? child, 'data')) as [Buffer];
    this.#javaPid = Number(String(first));
    const untilMs = systemClock.nowMs() + readyTimeoutMs;
    while (!(await accepts(this.#port))) {
      if (this.#child === null || systemClock.nowMs() > untilMs) {
        await this.halt('SIGKILL');
        throw new Error(
          `the broker did not start: ${readFileSync(join(this.#folder, 'broker.log'), 'utf8').slice(-2_000)}`,
        );
      }
      await systemClock.sleep(50);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#child !== null) process.kill(this.#javaPid, signal);
  }

  async halt(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child === null) return;
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), haltTimeoutMs);
    this.#child.stdin?.once('error', () => {});
    await this.#gone;
    clearTimeout(timer);
  }

  #java(heap: string, mainClass: string, args: readonly string[]): string[] {
    const logging = ['defaultLogLevel=warn', 'showDateTime=true'].map((option) => `-Dorg.slf4j.simpleLogger.${option}`);
    const vm = [`-Xmx${heap}`, '-XX:+UseSerialGC', '-Xshare:auto', ...logging];
    return [...vm, '-cp', join(this.#jars, '*'), mainClass, ...args];
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
