import { expect, test } from 'vitest';
import type { TopicPartition } from '../sources/source.ts';
import { systemClock } from '../telemetry/clock.ts';
import { until, type Bench, type BrokerKind } from './contract-suite.ts';
import type { Kafka, KafkaError, Membership, MembershipHandlers } from './contract.ts';

/** Membership: solo, group, commits. The embedded broker's groups take 3 s to join. */
export function membershipSuite(given: () => Bench, broker: BrokerKind): void {
  const createTopic = async (): Promise<string> => {
    const topic = given().newTopic();
    const producer = await given().kafka.producer();
    await producer.partitionCount(topic);
    await producer.close();
    return topic;
  };

  test('solo: has every partition at once, commits and reads back without joining', async () => {
    const topic = await createTopic();
    const owned = tracker();
    const options = { groupId: `group-${topic}`, topics: [topic], kind: 'solo' as const };
    const member = await given().kafka.membership(options);
    await member.start(owned.handlers);
    expect(owned.list()).toEqual([0, 1, 2, 3]);
    const asked = [0, 1].map((partition) => ({ topic, partition }));
    expect((await member.committed(asked)).map(({ nextOffset }) => nextOffset)).toEqual([-1n, -1n]);
    const commits = [3n, 5n, 9n].map((nextOffset) => member.commit([{ topic, partition: 0, nextOffset }]));
    await Promise.all(commits);
    const input = await createTopic();
    await member.commit([
      { topic, partition: 9, nextOffset: 4n }, // not ours: left out
      { topic: input, partition: 2, nextOffset: 6n }, // not a topic of the membership: as given
    ]);
    await member.close();
    const later = await given().kafka.membership(options);
    expect((await later.committed(asked)).map(({ nextOffset }) => nextOffset)).toEqual([9n, -1n]);
    const others = [
      { topic, partition: 9 },
      { topic: input, partition: 2 },
    ];
    expect((await later.committed(others)).map(({ nextOffset }) => nextOffset)).toEqual([-1n, 6n]);
    await later.close();
    await expect(later.commit([])).rejects.toMatchObject({ code: 'kafka_closed' });
  });

  test('group: shares partitions, refuses commits for what it no longer owns, takes over what another leaves', async () => {
    const topic = await createTopic();
    const groupId = `group-${topic}`;
    const join = async (kafka: Kafka): Promise<{ member: Membership; owned: ReturnType<typeof tracker> }> => {
      const owned = tracker();
      const member = await kafka.membership({ groupId, topics: [topic], kind: 'group' });
      await member.start(owned.handlers);
      return { member, owned };
    };
    const one = await join(given().kafka);
    await until(() => one.owned.list().length === 4, 'the first member has all');
    const two = await join(await given().another());
    const areShared = () => one.owned.list().length === 2 && two.owned.list().length === 2;
    await until(areShared, 'both have two');
    expect([...one.owned.list(), ...two.owned.list()].sort()).toEqual([0, 1, 2, 3]);
    const both = [0, 1, 2, 3].map((partition) => ({ topic, partition, nextOffset: 7n }));
    await one.member.commit(both);
    const found = await two.member.committed(both);
    const committed = found.filter(({ nextOffset }) => nextOffset === 7n).map(({ partition }) => partition);
    expect(committed).toEqual(one.owned.list());
    await two.member.close();
    await until(() => one.owned.list().length === 4, 'the first member has all again');
    expect([...one.owned.failures, ...two.owned.failures]).toEqual([]);
    await one.member.close();
  }, 240_000);

  test('leaves within its time at whatever moment of joining it is closed, and no client hangs in its library', async () => {
    const topic = await createTopic();
    const kafka = await given().another();
    const options = { groupId: `group-${topic}`, topics: [topic], kind: 'group' as const };
    const other = await given().kafka.membership(options);
    await other.start(tracker().handlers);
    for (let i = 0; i < closesTried; i++) {
      const member = await kafka.membership(options);
      await member.start(tracker().handlers);
      await systemClock.sleep((i * closesSpreadMs) / closesTried);
      const sinceMs = systemClock.nowMs();
      await member.close();
      expect(systemClock.nowMs() - sinceMs, `closed ${(i * closesSpreadMs) / closesTried} ms after`).toBeLessThan(
        closeMaxMs,
      );
    }
    await other.close();
    expect(kafka.isAnyLeftBehind()).toBe(false);
    expect(given().kafka.isAnyLeftBehind()).toBe(false);
  }, 240_000);

  test('one that has no partition and leaves is not waited for', async () => {
    const topic = await createTopic();
    const join = async (): Promise<{ member: Membership; owned: ReturnType<typeof tracker> }> => {
      const owned = tracker();
      const member = await given().kafka.membership({ groupId: `group-${topic}`, topics: [topic], kind: 'group' });
      await member.start(owned.handlers);
      return { member, owned };
    };
    const members = [await join()];
    for (let i = 0; i < 4; i++) members.push(await join());
    const countOf = (): number[] => members.map(({ owned }) => owned.list().length).sort();
    await until(() => countOf().join() === '0,1,1,1,1', 'four have one, the fifth none', 120_000);
    const [idle] = members.splice(
      members.findIndex(({ owned }) => owned.list().length === 0),
      1,
    );
    await idle?.member.close();
    const [leaving] = members.splice(0, 1);
    const [gone] = leaving?.owned.list() ?? [];
    await leaving?.member.close();
    const isTaken = (): boolean => members.some(({ owned }) => gone !== undefined && owned.list().includes(gone));
    await until(isTaken, 'another has its partition', takenWithinMs[broker]);
    await Promise.all(members.map(({ member }) => member.close()));
  }, 300_000);

  test('closes while a commit is on its way', async () => {
    const topic = await createTopic();
    const member = await given().kafka.membership({ groupId: `group-${topic}`, topics: [topic], kind: 'solo' });
    await member.start(tracker().handlers);
    const commit = member.commit([{ topic, partition: 0, nextOffset: 1n }]);
    await Promise.all([commit, member.close()]);
    await member.close();
  });
}

/**
 * A member that only went silent is waited for until its session ends: 20 s later on a real broker. The embedded one ends it after 6 s, and takes 5 s
 * for each round of a rebalance: there it only shows that the partition is taken.
 */
const takenWithinMs = { real: 16_000, embedded: 120_000 };

/** All that a close waits for, one after the other: the last commit, to leave, to be served no more, to disconnect. */
const closeMaxMs = 20_000;

const closesTried = 4;
const closesSpreadMs = 240;

function tracker() {
  const owned = new Set<number>();
  const failures: KafkaError[] = [];
  const handlers: MembershipHandlers = {
    assigned: (partitions: readonly TopicPartition[]) => {
      for (const { partition } of partitions) owned.add(partition);
    },
    revoked: (partitions) => {
      for (const { partition } of partitions) owned.delete(partition);
    },
    failed: (error) => void failures.push(error),
  };
  return { handlers, failures, list: () => [...owned].sort() };
}
