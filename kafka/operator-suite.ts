import { Admin as PlatformaticAdmin } from '@platformatic/kafka';

/** What an operator does to a broker while clients run: for tests. */
export interface Operator {
  deleteTopic(topic: string): Promise<void>;
  /** Forgets the records before `offset`, as retention would. */
  deleteBefore(topic: string, partition: number, offset: bigint): Promise<void>;
  /** Allows `user` everything on topics that begin with `prefix`, and every group. */
  allow(user: string, prefix: string): Promise<void>;
  /** Throws every member out of a group. */
  expel(groupId: string): Promise<void>;
  settings(topic: string): Promise<Readonly<Record<string, string | null>>>;
  close(): Promise<void>;
}

const [topicResource, groupResource, topicConfig] = [2, 3, 2] as const;
const [literal, prefixed] = [3, 4] as const;
const [everyOperation, allowed] = [2, 3] as const;

/** By the plain listener, where everything is allowed. */
export function openOperator(brokers: string): Operator {
  const admin = new PlatformaticAdmin({ clientId: 'operator', bootstrapBrokers: [brokers], timeout: 60_000 });
  return {
    deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
    async deleteBefore(topic, partition, offset) {
      await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset }] }] });
    },
    allow(user, prefix) {
      const rule = { principal: `User:${user}`, host: '*', operation: everyOperation, permissionType: allowed };
      return admin.createAcls({
        creations: [
          { ...rule, resourceType: topicResource, resourceName: prefix, resourcePatternType: prefixed },
          { ...rule, resourceType: groupResource, resourceName: '*', resourcePatternType: literal },
        ],
      });
    },
    expel: (groupId) => admin.removeMembersFromConsumerGroup({ groupId }),
    async settings(topic) {
      const [found] = await admin.describeConfigs({ resources: [{ resourceType: topicConfig, resourceName: topic }] });
      return Object.fromEntries((found?.configs ?? []).map(({ name, value }) => [name, value ?? null]));
    },
    close: () => admin.close(),
  };
}
