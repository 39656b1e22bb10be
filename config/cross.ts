import { isIP } from 'node:net';
import type { PathFault } from './faults.ts';
import { readSecret } from './secrets.ts';
import type { Config } from './schema.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Size of the longest window that the shipped pipelines keep: revenue's hour. `main.ts` checks each processor's own. */
const longestWindowMs = 3_600_000;

/** What is wrong between options that are each right alone. */
export function crossFaults(config: Config): readonly PathFault[] {
  return [
    ...serverFaults(config),
    ...brokerFaults(config),
    ...embeddedFaults(config),
    ...rhythmFaults(config),
    ...timeFaults(config),
    ...shardFaults(config),
    ...webhookFaults(config),
    ...amqpFaults(config),
  ];
}

/** The secrets that are named and cannot be read on this machine. */
export function secretFaults(config: Config, env: Environment): readonly PathFault[] {
  const references: readonly (readonly [readonly PropertyKey[], string])[] = [
    ...config.server.apiKeyRefs.map((reference, i) => [['server', 'apiKeyRefs', i], reference] as const),
    [['server', 'jwt', 'secretRef'], config.server.jwt.secretRef],
    [['kafka', 'security', 'passwordRef'], config.kafka.security.passwordRef],
    [['clickhouse', 'passwordRef'], config.clickhouse.passwordRef],
    [['amqp', 'passwordRef'], config.amqp.passwordRef],
  ];
  const unreadable = references.flatMap(([path, reference]) => unreadableFault(path, reference, env));
  return [...unreadable, ...signingFaults(config, env)];
}

function unreadableFault(path: readonly PropertyKey[], reference: string, env: Environment): readonly PathFault[] {
  try {
    readSecret(reference, env);
    return [];
  } catch (error) {
    return [{ path, message: (error as Error).message }];
  }
}

/** Secrets of webhooks: readable, and of the form that signing needs. */
function signingFaults({ webhooks }: Config, env: Environment): readonly PathFault[] {
  const references = webhooks.endpoints.flatMap(({ secretRefs }, i) =>
    secretRefs.map((reference, j) => ({ path: ['webhooks', 'endpoints', i, 'secretRefs', j], reference })),
  );
  return references.flatMap(({ path, reference }) => {
    const unreadable = unreadableFault(path, reference, env);
    if (unreadable.length > 0 || isSigningSecret(readSecret(reference, env) ?? '')) return unreadable;
    return [{ path, message: `${reference} must hold whsec_ and 24 to 64 bytes in base64` }];
  });
}

/** As the Standard Webhooks specification has it. */
function isSigningSecret(secret: string): boolean {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1];
  const length = base64 === undefined ? 0 : Buffer.from(base64, 'base64').length;
  return length >= 24 && length <= 64;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function serverFaults({ server, embedded, clickhouse }: Config): readonly PathFault[] {
  const faults: PathFault[] = [];
  const hasJwt = server.jwt.issuer !== '';
  if (server.host === '')
    faults.push({ path: ['server', 'host'], message: 'must name an address: 127.0.0.1, or 0.0.0.0 for all' });
  else if (!isLoopback(server.host) && server.apiKeyRefs.length === 0 && !hasJwt)
    faults.push({
      path: ['server', 'host'],
      message: `others can reach ${server.host}: set server.apiKeyRefs (or server.jwt), or listen on 127.0.0.1`,
    });
  if (hasJwt && (server.jwt.jwksUrl === '') === (server.jwt.secretRef === ''))
    faults.push({ path: ['server', 'jwt'], message: 'needs exactly one of jwksUrl and secretRef' });
  if (hasJwt && server.jwt.audience === '')
    faults.push({ path: ['server', 'jwt', 'audience'], message: 'must be set where an issuer is' });
  if (!hasJwt && (server.jwt.jwksUrl !== '' || server.jwt.secretRef !== '' || server.jwt.audience !== ''))
    faults.push({ path: ['server', 'jwt', 'issuer'], message: 'must be set for JWTs to be accepted' });
  if (server.port !== 0 && server.port === embedded.clickhousePort && clickhouse.url === '')
    faults.push({ path: ['embedded', 'clickhousePort'], message: `is ${server.port} as server.port: choose another` });
  return faults;
}

function brokerFaults({ kafka }: Config): readonly PathFault[] {
  const { brokers, gate, security } = kafka;
  const faults: PathFault[] = [];
  const isSasl = security.protocol.startsWith('sasl_');
  if (isSasl && (security.saslMechanism === '' || security.username === '' || security.passwordRef === ''))
    faults.push({
      path: ['kafka', 'security'],
      message: `${security.protocol} needs saslMechanism, username and passwordRef`,
    });
  if (!isSasl && (security.saslMechanism !== '' || security.username !== '' || security.passwordRef !== ''))
    faults.push({
      path: ['kafka', 'security', 'protocol'],
      message: 'must be sasl_ssl or sasl_plaintext for saslMechanism, username and passwordRef to be used',
    });
  if (brokers === '' && security.protocol !== 'plaintext')
    faults.push({
      path: ['kafka', 'security', 'protocol'],
      message: 'the embedded broker is plaintext: set kafka.brokers',
    });
  if (brokers === '' && gate !== '')
    faults.push({
      path: ['kafka', 'gate'],
      message: 'is for a broker that another process runs: set kafka.brokers too',
    });
  return faults;
}

function embeddedFaults({ kafka, clickhouse, instances, tasks }: Config): readonly PathFault[] {
  const faults: PathFault[] = [];
  const parts = [kafka.brokers === '' ? 'kafka.brokers' : '', clickhouse.url === '' ? 'clickhouse.url' : ''].filter(
    Boolean,
  );
  if (instances > 1 && parts.length > 0)
    faults.push({
      path: ['instances'],
      message: `${instances} instances cannot share an embedded part: set ${parts.join(' and ')}`,
    });
  if (instances > 1 && kafka.membership === 'solo')
    faults.push({ path: ['kafka', 'membership'], message: `solo is for one instance, not ${instances}: use group` });
  if (kafka.brokers === '' && tasks.startFrom !== 'earliest' && tasks.startFrom !== 'latest')
    faults.push({
      path: ['tasks', 'startFrom'],
      message: 'the embedded broker cannot look up a time: use earliest or latest, or set kafka.brokers',
    });
  return faults;
}

function rhythmFaults({ tasks, clickhouse }: Config): readonly PathFault[] {
  const faults: PathFault[] = [];
  const { events, orderLog } = clickhouse.ttlDays;
  if (orderLog !== 0 && (events === 0 || orderLog < events))
    faults.push({
      path: ['clickhouse', 'ttlDays', 'orderLog'],
      message: 'must not be shorter than ttlDays.events, or replay breaks',
    });
  if (tasks.ownerHeartbeatMs * 2 > tasks.ownerSilenceMs)
    faults.push({ path: ['tasks', 'ownerSilenceMs'], message: 'must be at least twice tasks.ownerHeartbeatMs' });
  if (tasks.queueBytesMax < tasks.entryBytesMax)
    faults.push({ path: ['tasks', 'queueBytesMax'], message: 'must be at least tasks.entryBytesMax' });
  return faults;
}

function timeFaults({ time }: Config): readonly PathFault[] {
  const oldestMs = time.allowedLatenessMs + longestWindowMs;
  if (time.dedupeHorizonMs >= oldestMs) return [];
  const message = `must be at least ${oldestMs}, the oldest event that a window still takes (time.allowedLatenessMs + 1 h)`;
  return [{ path: ['time', 'dedupeHorizonMs'], message }];
}

/** Why these run as one task: their state is not kept by keys that one event alone would tell. */
const whyOneTask: Readonly<Partial<Record<keyof Config['pipelines'], string>>> = {
  fraud: 'a payment is judged by its card, device and terminal together',
  recommendations: 'what trends, and what goes together, is counted over all visitors',
  predictions: 'its series are of countries, and of all of them together',
};

function shardFaults({ pipelines, kafka }: Config): readonly PathFault[] {
  return Object.entries(pipelines).flatMap(([name, { shards }]) => {
    const why = whyOneTask[name as keyof Config['pipelines']];
    const path = ['pipelines', name, 'shards'];
    if (why !== undefined && shards > 1) return [{ path, message: `must be 1, not ${shards}: ${why}` }];
    if (shards <= kafka.partitions) return [];
    return [{ path, message: `must not be above kafka.partitions, ${kafka.partitions}: a task needs a partition` }];
  });
}

function webhookFaults({ webhooks, server, kafka }: Config): readonly PathFault[] {
  const { endpoints, terminal, terminalPort } = webhooks;
  const hasTerminal = terminal === 'on' || (terminal === 'auto' && kafka.brokers === '');
  const faults: PathFault[] = [];
  endpoints.forEach(({ name, allowAddresses }, i) => {
    const path = ['webhooks', 'endpoints', i];
    if (name === 'terminal') faults.push({ path: [...path, 'name'], message: 'terminal is the one of this machine' });
    if (endpoints.findIndex((one) => one.name === name) < i)
      faults.push({ path: [...path, 'name'], message: `${name} is the name of another endpoint` });
    allowAddresses.forEach((text, j) => {
      if (!isAddressRange(text))
        faults.push({
          path: [...path, 'allowAddresses', j],
          message: `${text} is no address and no range (10.0.0.0/8)`,
        });
    });
  });
  if (hasTerminal && terminalPort === server.port)
    faults.push({ path: ['webhooks', 'terminalPort'], message: `is ${terminalPort} as server.port: choose another` });
  return faults;
}

function amqpFaults({ amqp: { url, queues } }: Config): readonly PathFault[] {
  const faults = queues.flatMap(({ queue }, i) =>
    queues.findIndex((one) => one.queue === queue) < i
      ? [{ path: ['amqp', 'queues', i, 'queue'], message: `${queue} is bridged already` }]
      : [],
  );
  if (url === '' && queues.length > 0)
    return [...faults, { path: ['amqp', 'url'], message: 'must be set where there are amqp.queues' }];
  return faults;
}

function isAddressRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
