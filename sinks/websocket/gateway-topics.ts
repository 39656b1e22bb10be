import { resultTopics } from '../../events/topics.ts';

/** What the channels show that are not fed by a topic of their own. */
export const sharedTopics: readonly string[] = [
  resultTopics.windows,
  resultTopics.provisional,
  resultTopics.deadLetters,
  resultTopics.late,
  resultTopics.quarantine,
];

/** Records of a partition that are read before the first build says from where. */
export const tailRecordsMax = 5_000n;

/** What people wait for: read by a reader that is answered at once. */
export const soonTopics: readonly string[] = [resultTopics.alerts, resultTopics.deliveries];
