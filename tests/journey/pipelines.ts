import type { PipelineTopics } from '../../events/topics.ts';

/** The pipelines that the service of the journey runs: their lag is waited for, and the broker keeps what they have not read. */
export const pipelines: readonly PipelineTopics[] = [
  { name: 'revenue', version: 1, inputs: ['payments'] },
  { name: 'fraud', version: 1, inputs: ['payments', 'labels', 'millrace.rules'] },
  { name: 'recommendations', version: 1, inputs: ['interactions'] },
  { name: 'predictions', version: 1, inputs: ['payments', 'millrace.decisions'] },
];
