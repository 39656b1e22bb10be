import type { Clock } from '../telemetry/clock.ts';
import type { TaskServiceOptions } from './options.ts';
import { ParkError } from './park.ts';

/** By topic: which incarnation of it there is. */
export type TopicIdentities = Readonly<Record<string, string>>;

export interface IdentitiesOptions {
  readonly service: Pick<TaskServiceOptions, 'incarnationOf'>;
  readonly topics: readonly string[];
}

/** The incarnations of the inputs as the broker tells them now; null where none does. Throws a `ParkError` where one is not the one read so far. */
export async function identitiesOf(
  { service: { incarnationOf }, topics }: IdentitiesOptions,
  known: TopicIdentities,
): Promise<TopicIdentities | null> {
  if (!incarnationOf) return null;
  const found: Record<string, string> = {};
  await Promise.all(
    topics.map(async (topic) => {
      const incarnation = await incarnationOf(topic);
      if (incarnation === null) return;
      found[topic] = incarnation;
      if (known[topic] !== undefined && known[topic] !== incarnation)
        throw new ParkError(
          'topic_recreated',
          `${topic} was deleted and made anew: its offsets mean other records now`,
        );
    }),
  );
  return found;
}

/** The identities of the inputs, looked up before they are needed: who takes a task over need not ask first. */
export interface KnownIdentities {
  /** Looks in the background when it is time. What fails is asked again by who needs it. */
  lookIfDue(known: TopicIdentities): void;
  /** Null: not known, or for too long; then they are to be asked for. */
  recent(): TopicIdentities | null;
}

/** A look is good until the second one after it. */
export function createKnownIdentities(
  options: IdentitiesOptions,
  clock: Pick<Clock, 'nowMs'>,
  everyMs: number,
): KnownIdentities {
  let dueMs = 0;
  let found: { readonly identities: TopicIdentities; readonly atMs: number } | null = null;
  return {
    lookIfDue(known) {
      const nowMs = clock.nowMs();
      if (nowMs < dueMs) return;
      dueMs = nowMs + everyMs;
      identitiesOf(options, known).then(
        (identities) => (found = identities && { identities, atMs: nowMs }),
        () => (found = null),
      );
    },
    recent: () => (found && clock.nowMs() - found.atMs < 2 * everyMs ? found.identities : null),
  };
}
