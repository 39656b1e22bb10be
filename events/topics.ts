/** Rules, thresholds and lists as the services publish them. */
export const rulesTopic = 'millrace.rules';

/** The names of millrace's topics. Inputs are the user's, but for the rules; results start with `millrace.`. */
export const inputTopics = ['payments', 'interactions', 'labels', rulesTopic] as const;
export type InputTopic = (typeof inputTopics)[number];

export const resultTopics = {
  /** Final, corrected and tombstone window results. */
  windows: 'millrace.windows',
  /** Provisional window results: for eyes only, never an input to anything that folds. */
  provisional: 'millrace.windows-provisional',
  deadLetters: 'millrace.dead-letters',
  late: 'millrace.late',
  quarantine: 'millrace.quarantine',
  /** One decision a payment. */
  decisions: 'millrace.decisions',
  /** Transitions of alerts. */
  alerts: 'millrace.alerts',
  /** Attempts to deliver a transition to an endpoint. */
  deliveries: 'millrace.deliveries',
  /** Ranked lists: trending, co-visited, personal. */
  recommendations: 'millrace.recommendations',
  /** Forecasts, what came true, and the forecasters' scores. */
  predictions: 'millrace.predictions',
} as const;
export type ResultTopic = (typeof resultTopics)[keyof typeof resultTopics];

/** The order log of a pipeline version; partition = shard. */
export const orderTopic = (pipeline: string, version: number): string => `millrace.order.${pipeline}.v${version}`;

/** What a router sends to the tasks of a pipeline version; partition = shard. */
export const rekeyTopic = (pipeline: string, version: number): string => `millrace.rekey.${pipeline}.v${version}`;

/** The consumer group of a pipeline version's tasks (over its order topic; its input commits are for display). */
export const taskGroup = (pipeline: string, version: number): string => `millrace.${pipeline}.v${version}`;

/** The consumer group of the webhooks, over the alerts; its commits are for display and for the gate. */
export const webhookGroup = 'millrace.webhook';

/** The consumer group of the ClickHouse sink. */
export const clickhouseGroup = 'millrace.clickhouse';

export interface PipelineTopics {
  readonly name: string;
  readonly version: number;
  readonly inputs: readonly string[];
  /** Tasks that it runs as, each with a partition of the order topic; absent: 1. */
  readonly shards?: number;
  /** A topic of its own that it writes and another pipeline reads. */
  readonly routesTo?: { readonly topic: string; readonly partitions: number };
}

/** Every group that reads topics and commits, with what it reads: what an embedded broker must not forget before they have. */
export function readingGroups(
  pipelines: readonly PipelineTopics[],
  { hasWebhooks }: { readonly hasWebhooks: boolean },
): readonly { readonly groupId: string; readonly topics: readonly string[] }[] {
  const orders = pipelines.map(({ name, version }) => orderTopic(name, version));
  const read = pipelines.flatMap(({ inputs }) => inputs);
  const archived = [...new Set([...inputTopics, ...read, ...orders, ...Object.values(resultTopics)])];
  const tasks = pipelines.map(({ name, version, inputs }) => ({ groupId: taskGroup(name, version), topics: inputs }));
  const webhooks = hasWebhooks ? [{ groupId: webhookGroup, topics: [resultTopics.alerts] }] : [];
  return [...tasks, ...webhooks, { groupId: clickhouseGroup, topics: archived }];
}
