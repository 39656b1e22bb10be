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
  ];
}

/** The secrets that are named and cannot be read on this machine. */
export function secretFaults(config: Config, env: Environment): readonly PathFault[] {
  const references: readonly (readonly [readonly PropertyKey[], string])[] = [
    ...config.server.apiKeyRefs.map((reference, i) => [['server', 'apiKeyRefs', i], reference] as const),
    [['server', 'jwt', 'secretRef'], config.server.jwt.secretRef],
    [['kafka', 'security', 'passwordRef'], config.kafka.security.passwordRef],
    [['clickhouse', 'passwordRef'], config.clickhouse.passwordRef],
  ];
  return references.flatMap(([path, reference]) => {
    try {
      readSecret(reference, env);
      return [];
    } catch (error) {
      return [{ path, message: (error as Error).message }];
    }
  });
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
