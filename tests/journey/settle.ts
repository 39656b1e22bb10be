import { clickhouseGroup, inputTopics, type PipelineTopics, resultTopics, taskGroup } from '../../events/topics.ts';
import type { Kafka, Membership } from '../../kafka/contract.ts';
import type { Source, TopicPartition } from '../../sources/source.ts';

/** How far everything has come: zero on both counts means that all is folded and all is inserted. */
export interface Lag {
  /** Input records that the pipelines have committed, each counted by each, and those that they have not. */
  readonly folded: number;
  readonly unfolded: number;
  /** Records of inputs and results that are not committed as inserted. */
  readonly uninserted: number;
  /** All ends together: while it moves, nothing is settled. */
  readonly produced: number;
}

export interface LagMeter {
  read(): Promise<Lag>;
  close(): Promise<void>;
}

/** Reads the positions that the services commit, as Kafka's own tools would. */
export async function createLagMeter(kafka: Kafka, pipelines: readonly PipelineTopics[]): Promise<LagMeter> {
  const reader = await kafka.reader();
  const members: Membership[] = [];
  const sinkTopics = [...inputTopics, ...Object.values(resultTopics)];
  const meterOf = async (groupId: string, topics: readonly string[]) => {
    const member = await kafka.membership({ groupId, topics, kind: 'solo' });
    members.push(member);
    return () => behind(reader, member, topics);
  };
  const folding = await Promise.all(
    pipelines.map(({ name, version, inputs }) => meterOf(taskGroup(name, version), inputs)),
  );
  const inserting = await meterOf(clickhouseGroup, sinkTopics);
  return {
    read: async () => {
      const [inserted, ...folded] = await Promise.all([inserting(), ...folding.map((read) => read())]);
      return {
        folded: folded.reduce((sum, one) => sum + one.end - one.behind, 0),
        unfolded: folded.reduce((sum, one) => sum + one.behind, 0),
        uninserted: inserted.behind,
        produced: inserted.end,
      };
    },
    close: async () => {
      await Promise.all([reader, ...members].map((one) => one.close()));
    },
  };
}

async function behind(reader: Source, member: Membership, topics: readonly string[]) {
  const partitions = (await Promise.all(topics.map((topic) => partitionsOf(reader, topic)))).flat();
  const committed = await member.committed(partitions);
  // Ends after positions: what is produced in between shows as lag, never as none.
  const ends = await Promise.all(partitions.map((partition) => reader.bounds(partition)));
  return partitions.reduce(
    (sum, _, i) => {
      const end = Number(ends[i]?.endOffset ?? 0n);
      const next = Math.max(0, Number(committed[i]?.nextOffset ?? 0n));
      return { behind: sum.behind + Math.max(0, end - next), end: sum.end + end };
    },
    { behind: 0, end: 0 },
  );
}

async function partitionsOf(reader: Source, topic: string): Promise<readonly TopicPartition[]> {
  const count = await reader.partitionCount(topic);
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}
