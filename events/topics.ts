/** The names of millrace's topics. Inputs are the user's; results start with `millrace.`. */
export const inputTopics = ['payments', 'interactions', 'labels'] as const;
export type InputTopic = (typeof inputTopics)[number];

export const resultTopics = {
  /** Final, corrected and tombstone window results. */
  windows: 'millrace.windows',
  /** Provisional window results: for eyes only, never an input to anything that folds. */
  provisional: 'millrace.windows-provisional',
  deadLetters: 'millrace.dead-letters',
  late: 'millrace.late',
  quarantine: 'millrace.quarantine',
} as const;
export type ResultTopic = (typeof resultTopics)[keyof typeof resultTopics];

/** The order log of a pipeline version; partition = shard. */
export const orderTopic = (pipeline: string, version: number): string => `millrace.order.${pipeline}.v${version}`;

/** The consumer group of a pipeline version's tasks (over its order topic; its input commits are for display). */
export const taskGroup = (pipeline: string, version: number): string => `millrace.${pipeline}.v${version}`;
