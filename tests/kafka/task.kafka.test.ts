import { afterEach, expect, inject, test } from 'vitest';
import { openOperator, type Operator } from '../../kafka/operator-suite.ts';
import { acceptGap, restoreAt } from '../../tasks/operate.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { describeUnless, requireKafkaDriver, requireRealKafka } from '../requirements.ts';
import { users } from './one-broker.ts';
import { openTaskRig, type StartedTask, type StartHow, type TaskRig } from './task-rig.ts';

describeUnless([requireKafkaDriver('node-rdkafka'), requireRealKafka()], 'a task on a real broker', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  const open = async (prefix?: string): Promise<{ rig: TaskRig; operator: Operator }> => {
    const rig = await openTaskRig(prefix);
    closing.push(() => rig.close());
    const operator = openOperator(inject('kafka')?.plain ?? '');
    closing.push(() => operator.close());
    return { rig, operator };
  };
  const start = async (rig: TaskRig, how?: StartHow): Promise<StartedTask> => {
    const task = await rig.start(how);
    closing.push(() => task.drain());
    return task;
  };
  const folded = (task: StartedTask, records: number) =>
    task.until(`${records} folded`, ({ totals, outputsPending }) => totals.records === records && outputsPending === 0);
  const parked = async (task: StartedTask, code: string): Promise<void> => {
    await task.until('parked', ({ state }) => state === 'parked');
    expect(task.shard()?.parked).toMatchObject({ code });
  };
  /** Folds ten events, then ends; the last snapshot stands behind them. */
  const foldTen = async (rig: TaskRig): Promise<void> => {
    await rig.send(10);
    const task = await rig.start();
    await folded(task, 10);
    await task.drain();
  };

  test('stops where the clocks of broker and owner are more than 5 s apart', async () => {
    const { rig } = await open();
    const ahead = await start(rig, { clock: { ...systemClock, nowMs: () => systemClock.nowMs() + 6_500 } });
    await parked(ahead, 'clock_skew');
  });

  test('begins at a time', async () => {
    const { rig } = await open();
    await rig.send(4);
    await systemClock.sleep(50);
    const timeMs = systemClock.nowMs();
    await systemClock.sleep(50);
    await rig.send(3);
    const startFrom: StartHow['startFrom'] = async (tp) => (await rig.kafka.admin?.offsetAt(tp, timeMs)) ?? 0n;
    const task = await start(rig, { startFrom });
    await folded(task, 3);
    expect(task.shard()?.inputs[`${rig.input}-0`]?.nextOffset).toBe('7');
  });

  test('[D6] is parked where retention took what it has not read, until the gap is accepted', async () => {
    const { rig, operator } = await open();
    await foldTen(rig);
    await rig.send(10);
    await operator.deleteBefore(rig.input, 0, 15n);
    const task = await start(rig);
    await parked(task, 'input_lost');
    const readable = async () => (await rig.inputs.bounds({ topic: rig.input, partition: 0 })).lowOffset;
    const skipped = await acceptGap(rig.command(), readable, 'retention took it');
    expect(skipped).toEqual([{ partition: `${rig.input}-0`, from: '10', to: '15' }]);
    await folded(task, 15);
  });

  test('is parked where its input is made anew while it reads, until an epoch is opened on it', async () => {
    const { rig, operator } = await open();
    await rig.send(10);
    const task = await start(rig);
    await folded(task, 10);
    await recreate(rig, operator, rig.input);
    await rig.send(4);
    await parked(task, 'topic_recreated');
    await task.drain();

    const again = await start(rig);
    await parked(again, 'topic_recreated');
    const [newest] = await rig.command().store.list({ pipeline: 'counting', version: 1, shard: 0 });
    await restoreAt(rig.command(), newest?.name ?? '', rig.inputs, { acceptsGap: true });
    await again.until('goes on', ({ state, epoch }) => state === 'owner' && epoch === 1);
  });

  test('is parked where its input was made anew while it was away, though that has more records than it had read', async () => {
    const { rig, operator } = await open();
    await foldTen(rig);
    await recreate(rig, operator, rig.input);
    await rig.send(30);
    await parked(await start(rig), 'topic_recreated');
  });

  test('[D6] is parked where its order log is shorter than its snapshots, until an epoch is opened', async () => {
    const { rig, operator } = await open();
    await foldTen(rig);
    await recreate(rig, operator, rig.order);
    const task = await start(rig);
    await parked(task, 'log_truncated');
    const [newest] = await rig.command().store.list({ pipeline: 'counting', version: 1, shard: 0 });
    await restoreAt(rig.command(), newest?.name ?? '', rig.inputs);
    await task.until('goes on', ({ state }) => state === 'owner');
    expect(task.shard()?.epoch).toBe(1);
    await rig.send(5);
    await folded(task, 15);
  });

  test('is parked with a clear word where the broker denies it its input', async () => {
    const { rig, operator } = await open('allowed-task');
    await rig.send(1);
    await operator.allow(users.alice.username, rig.order);
    await operator.allow(users.alice.username, 'results');
    const security = { protocol: 'sasl_plaintext', mechanism: 'SCRAM-SHA-256', ...users.alice } as const;
    const task = await start(rig, { login: { brokers: inject('kafka')?.sasl ?? '', security } });
    await parked(task, 'not_authorised');
    expect(task.shard()?.parked?.command).toContain('READ');
  });
});

async function recreate(rig: TaskRig, operator: Operator, topic: string): Promise<void> {
  await operator.deleteTopic(topic);
  await systemClock.sleep(500);
  const settings = { 'message.timestamp.type': 'LogAppendTime' };
  await rig.kafka.admin?.createTopics([{ topic, partitions: 1, settings }]);
}
