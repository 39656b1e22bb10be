import { z } from 'zod';
import { amqp } from './amqp.ts';
import { days, hostPorts, httpUrl, port, requiredSecretRefs, requiredUrl } from './fields.ts';
import { secretRef, secretRefs, share, text, texts, whole } from './fields.ts';

/**
 * Every option of millrace: its default, its unit (the end of its name) and what it means. `config/millrace.yaml` lists the
 * same for people, `config/millrace.schema.json` for editors; `npm run config` writes both from here. Unknown options are faults.
 */

const server = z.strictObject({
  host: text('127.0.0.1').describe('Address to listen on. Anything but loopback needs an API key or JWT.'),
  port: port(4700).describe('Port of the page, HTTP and /v1/live; 0: any free one.'),
  apiKeyRefs: secretRefs().describe('References to accepted API keys: env:NAME or file:/path.'),
  jwt: z
    .strictObject({
      issuer: text().describe('Accepted issuer; empty: no JWT is accepted.'),
      audience: text().describe('Accepted audience.'),
      jwksUrl: httpUrl().describe('Where the public keys are (asymmetric algorithms).'),
      secretRef: secretRef().describe('Reference to a shared secret (HS256), instead of jwksUrl.'),
    })
    .prefault({})
    .describe('JSON Web Tokens as an alternative to API keys.'),
  allowedOrigins: texts().describe('Origins besides our own that a browser may connect from.'),
  allowedHosts: texts().describe('Host names besides loopback and `host` that requests may name.'),
  bodyBytesMax: whole(1_048_576, 1_024).describe('Largest request body.'),
});

const kafka = z.strictObject({
  brokers: hostPorts().describe('host:port, comma-separated; empty: the embedded broker (in memory, forgets on exit).'),
  driver: z.enum(['node-rdkafka', 'confluent']).default('node-rdkafka').describe('Which client package to load.'),
  reader: z
    .enum(['client', 'direct'])
    .default('direct')
    .describe("Who reads records: the client package, or millrace's own Fetch requests."),
  sender: z
    .enum(['client', 'direct'])
    .default('direct')
    .describe("Who sends records: the client package, or millrace's own Produce requests."),
  membership: z
    .enum(['auto', 'solo', 'group'])
    .default('auto')
    .describe('group: a consumer group shares the work; solo: this instance does all; auto: solo when embedded.'),
  sessionTimeoutMs: whole(20_000, 1_000, 300_000).describe(
    'Silence after which a group takes a member for dead (real broker; 6 s on the embedded one).',
  ),
  gate: hostPorts().describe('Address of the gate of an embedded broker that another process runs; empty: none.'),
  clientId: text('millrace').describe('Name that the broker sees.'),
  partitions: whole(4, 1, 1_000).describe('Partitions of the topics that millrace creates.'),
  replicas: whole(0, 0, 100).describe('Replicas of the topics that millrace creates; 0: as the broker has it.'),
  retentionDays: z
    .strictObject({
      inputs: days(7).describe('Input topics; ClickHouse keeps what Kafka forgets; 0: for good.'),
      results: days(7).describe('Result topics; 0: for good.'),
    })
    .prefault({})
    .describe('How long the topics that millrace creates keep records. Order logs and rules: for good.'),
  security: z
    .strictObject({
      protocol: z
        .enum(['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'])
        .default('plaintext')
        .describe('How to connect.'),
      saslMechanism: z
        .enum(['', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
        .default('')
        .describe('How to authenticate; empty without SASL.'),
      username: text().describe('SASL user.'),
      passwordRef: secretRef().describe('Reference to the SASL password.'),
      caFile: text().describe("File with the broker's CA certificates (PEM); empty: the system's."),
    })
    .prefault({})
    .describe('Encryption and authentication towards a real broker.'),
});

const clickhouse = z.strictObject({
  url: httpUrl().describe('http(s)://host:port; empty: the embedded engine.'),
  user: text('default').describe('User to connect as.'),
  passwordRef: secretRef().describe('Reference to the password.'),
  database: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be a plain name: letters, digits, underscores')
    .default('millrace')
    .describe('Database that holds the tables; created when missing.'),
  batchRowsMax: whole(5_000, 1, 100_000).describe('Rows of one insert.'),
  batchBytesMax: whole(8_388_608, 1_024).describe('Bytes of one insert.'),
  batchWaitMs: whole(1_000, 0, 60_000).describe('Longest wait for a batch to fill.'),
  ttlDays: z
    .strictObject({
      events: days(30).describe('Raw events (the archive that replay reads); 0: for good.'),
      orderLog: days(0).describe('Order log; never shorter than events; 0: for good.'),
      windows: days(365).describe('Window results; 0: for good.'),
      deadLetters: days(30).describe('Dead letters and quarantined events; 0: for good.'),
      late: days(30).describe('Late records; 0: for good.'),
      decisions: days(365).describe('Fraud decisions with their features; 0: for good.'),
      alerts: days(365).describe('Transitions of alerts; 0: for good.'),
      deliveries: days(90).describe('Attempts of webhooks; 0: for good.'),
      recommendations: days(30).describe('Recommendation lists; 0: for good.'),
      predictions: days(90).describe('Predictions and forecast scores; 0: for good.'),
    })
    .prefault({})
    .describe('How long rows are kept.'),
});

const sql = z.strictObject({
  enabled: z.boolean().default(true).describe('Whether POST /v1/query and the SQL page may ask.'),
  user: text().describe('ClickHouse user that it runs as, with rights to read only; empty: clickhouse.user.'),
  passwordRef: secretRef().describe('Reference to the password of sql.user.'),
  rowsMax: whole(10_000, 1, 1_000_000).describe('Rows of one answer; what is more is cut off, and said so.'),
  resultBytesMax: whole(16_777_216, 1_024).describe('Bytes of one answer.'),
  memoryBytesMax: whole(1_073_741_824, 1_048_576).describe('Memory of one statement.'),
  timeMaxMs: whole(10_000, 1_000, 600_000).describe('Time of one statement.'),
  concurrentMax: whole(4, 1, 100).describe('Statements that run at a time; more are answered 429.'),
});

const embedded = z.strictObject({
  dataDir: z.string().min(1).max(4_096).default('./data').describe('Folder for the embedded ClickHouse and snapshots.'),
  clickhousePort: port(18_123).describe('Port of the embedded ClickHouse, on loopback; 0: any free one.'),
  gateBytesMax: whole(3_145_728, 65_536).describe('Unread bytes a partition before producers wait (embedded broker).'),
});

const snapshots = z.strictObject({
  store: z
    .enum(['fs', 'clickhouse'])
    .default('fs')
    .describe('Where snapshots go: fs: files of this host; clickhouse: any host finds them.'),
  dir: text().describe('Folder of fs; empty: <embedded.dataDir>/snapshots.'),
  everyMs: whole(10_000, 100).describe('Pause between snapshots of a task; up to six times for slow ones.'),
  keep: whole(3, 1, 100).describe('Newest snapshots kept a task.'),
});

const tasks = z.strictObject({
  startFrom: z
    .string()
    .regex(
      /^(earliest|latest|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))$/,
      'must be earliest, latest or a time such as 2026-01-31T00:00:00Z',
    )
    .default('earliest')
    .describe('Where a new task starts: earliest, latest or an ISO time (a time needs a real broker).'),
  pipelineDepth: whole(4, 1, 64).describe('Order entries appended and not yet read back.'),
  entryRecordsMax: whole(10_000, 1, 100_000).describe('Records of one order entry.'),
  entryBytesMax: whole(4_194_304, 1_024).describe('Input bytes of one order entry.'),
  entryEveryMs: whole(10, 1, 10_000).describe('Longest wait before what has arrived is ordered.'),
  ownerSilenceMs: whole(10_000, 1_000).describe('Silence in the log after which a standby claims (solo).'),
  ownerHeartbeatMs: whole(3_000, 100).describe('An owner appends at least this often.'),
  queueBytesMax: whole(4_194_304, 65_536).describe('Bytes fetched and not yet ordered, a partition.'),
  standby: z
    .boolean()
    .default(false)
    .describe('Fold the tasks of other instances too, to take them over at once; costs what owning them does.'),
});

const time = z.strictObject({
  outOfOrdernessMs: whole(5_000, 0).describe('How far the watermark stays behind the newest event time.'),
  allowedLatenessMs: whole(3_600_000, 0).describe('How long after its end a window still takes corrections.'),
  idleMs: whole(10_000, 100).describe('Silence at its end after which a partition counts as idle.'),
  maxFutureMs: whole(60_000, 0).describe('An event further ahead of the clock is a dead letter.'),
  dedupeHorizonMs: whole(7_200_000).describe('How long event ids are remembered, in event time.'),
  provisionalEveryMs: whole(1_000, 10).describe('Step at which open windows are published.'),
});

const limits = z.strictObject({
  keysMax: whole(1_000_000).describe('Keys with state, a task; a new one beyond is a dead letter (state_full).'),
  dedupeIdsMax: whole(4_000_000).describe(
    'Event ids remembered, a task; a new one beyond is a dead letter (state_full).',
  ),
});

/** Of every pipeline. Which may have several shards is checked in `cross.ts`. */
const common = () => ({
  enabled: z.boolean().default(true).describe('Whether it runs.'),
  version: whole(1, 1, 1_000_000).describe(
    'Raise it with any setting that changes its results: the new version is filled from the old one, then takes over.',
  ),
  shards: whole(1, 1, 256).describe('Tasks that share its partitions; belongs to the version.'),
});

const pipelines = z.strictObject({
  revenue: z.strictObject(common()).prefault({}).describe('Payments by country and by merchant, per minute and hour.'),
  fraud: z
    .strictObject({
      ...common(),
      rulesDir: text().describe('Folder of the rules; empty: the shipped ones, config/rules.'),
      coolDownMs: whole(600_000, 1_000).describe('An alert is over when no payment came for so long.'),
      alertUpdateEveryMs: whole(30_000, 1_000).describe('Least time between two updates of one alert.'),
    })
    .prefault({})
    .describe('A decision on every payment, by rules over rolling features; alerts.'),
  recommendations: z
    .strictObject({
      ...common(),
      halfLifeMs: whole(1_800_000, 60_000, 10_800_000).describe('After so long an action counts half of what it did.'),
      coVisitWindowMs: whole(86_400_000, 3_600_000, 2_419_200_000).describe('How far back sessions count.'),
      sessionGapMs: whole(1_800_000, 1_000, 86_400_000).describe('A session ends when nothing came for so long.'),
      trendingEveryMs: whole(2_000, 100, 3_600_000).describe(
        'Step at which trending lists that changed are published.',
      ),
      coVisitedEveryMs: whole(10_000, 100, 3_600_000).describe('The same of co-visited lists.'),
      listItemsMax: whole(12, 1, 100).describe('Items of a list.'),
    })
    .prefault({})
    .describe('What trends, what goes together, a list for every visitor.'),
  predictions: z
    .strictObject({
      ...common(),
      seriesMax: whole(200, 1, 10_000).describe(
        'Series of payments, and of decisions; a country beyond is only in the totals.',
      ),
      anomalyScore: whole(6, 2, 100).describe('Standard deviations from which a minute is an anomaly.'),
      warmUpMs: whole(3_600_000, 60_000).describe('How much of a series is seen before a minute can be an anomaly.'),
      alarmsPerDayMax: whole(6, 1, 1_000).describe('Alarms of a series in a day beyond which it is muted.'),
    })
    .prefault({})
    .describe('Revenue, volume and decline rate per minute, forecast for the next hour; anomalies.'),
});

const live = z.strictObject({
  clientQueueMax: whole(1_000, 1).describe('Messages waiting for one client before they are conflated by key.'),
  heartbeatMs: whole(15_000, 100).describe('Pause between heartbeats; two missed close the socket.'),
  resumeWindowMs: whole(60_000, 0).describe('How long a dropped client may resume.'),
  resumeMessagesMax: whole(10_000, 0).describe('Messages kept a channel for resuming.'),
  maxPayloadBytes: whole(65_536, 1_024).describe('Largest message that a client may send.'),
  clientsMax: whole(1_000, 1).describe('Sockets open at once.'),
});

const endpoint = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and dashes')
    .describe('Its name in logs, metrics and tables. Another name is another endpoint, which starts anew.'),
  url: requiredUrl().describe('Where to POST to.'),
  secretRefs: requiredSecretRefs(2).describe('References to the signing secret (whsec_…); two while receivers change.'),
  transitions: z
    .array(z.enum(['raised', 'updated', 'retracted', 'resolved']))
    .min(1)
    .default(['raised', 'updated', 'retracted', 'resolved'])
    .describe('Which transitions it is told of.'),
  severityMin: z.enum(['low', 'medium', 'high']).default('low').describe('The least severe alerts it is told of.'),
  pipelines: texts().describe('Whose alerts; empty: all.'),
  timeoutMs: whole(15_000, 100, 60_000).describe('For one whole attempt.'),
  inFlightMax: whole(4, 1, 64).describe('Attempts at a time.'),
  allowAddresses: texts().describe('Addresses or ranges (10.0.0.0/8) it may have besides public ones.'),
});

const webhooks = z.strictObject({
  endpoints: z
    .array(endpoint)
    .max(100)
    .default([])
    .describe('Who is told about alerts, each with name, url, secretRefs and more: docs/webhooks.md.'),
  pendingMax: whole(10_000, 1, 100_000).describe('Transitions that wait for an endpoint; one more is dead at once.'),
  deadMax: whole(10_000, 1, 100_000).describe('Dead ones an endpoint can be sent again by hand; more are forgotten.'),
  terminal: z
    .enum(['auto', 'on', 'off'])
    .default('auto')
    .describe(
      'The endpoint `terminal` for `millrace webhook listen` on this machine; auto: on with the embedded broker.',
    ),
  terminalPort: whole(4_711, 1, 65_535).describe('Port on loopback where `millrace webhook listen` listens.'),
});

const generator = z.strictObject({
  enabled: z.enum(['auto', 'on', 'off']).default('auto').describe('The demo input; auto: on with the embedded broker.'),
  ratePerSecond: whole(200, 1, 100_000).describe('Events a second, on average over a week.'),
  seed: whole(1, 0).describe('The same seed gives the same shop.'),
  lateShare: share(0.01).describe('Part of the events that come late.'),
  duplicateShare: share(0.005).describe('Part of the events that come twice.'),
  malformedShare: share(0.001).describe('Part of the events that are broken.'),
});

const log = z.strictObject({
  level: z.enum(['error', 'warn', 'info', 'debug']).default('info').describe('The least that is logged.'),
});

/** The whole of it. Parsing `{}` gives all defaults. */
export const configSchema = z.strictObject({
  server: server.prefault({}).describe('HTTP, the page, and the live socket.'),
  kafka: kafka.prefault({}).describe('The broker.'),
  clickhouse: clickhouse.prefault({}).describe('Where results and the archive are stored.'),
  sql: sql.prefault({}).describe('Questions of people, reading only.'),
  embedded: embedded.prefault({}).describe('The embedded broker and ClickHouse, used where no real one is named.'),
  snapshots: snapshots.prefault({}).describe('What a restarted task goes on from.'),
  tasks: tasks.prefault({}).describe('How input is ordered and folded.'),
  time: time.prefault({}).describe('Event time: lateness, idleness, duplicates.'),
  limits: limits.prefault({}).describe('Bounds on state.'),
  pipelines: pipelines.prefault({}).describe('What is computed.'),
  live: live.prefault({}).describe('Live push to browsers.'),
  webhooks: webhooks.prefault({}).describe('Signed webhooks on alerts.'),
  amqp: amqp.prefault({}).describe('Events from RabbitMQ.'),
  generator: generator.prefault({}).describe('The demo input.'),
  log: log.prefault({}).describe('Logging.'),
  instances: whole(1, 1, 1_000).describe(
    'Processes that share the work; more than 1 needs a real broker and ClickHouse.',
  ),
});

/** All options with their defaults filled in. Empty text means "not set". */
export type Config = z.output<typeof configSchema>;
