import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OutMessage } from '../../kafka/contract.ts';
import { systemClock, type Clock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createRulePublisher } from './publisher.ts';
import { readRules } from './read-rules.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-rules-'));
});
afterEach(() => rm(folder, { recursive: true }));

const ruleText = (weight: number): string => `expression: 'true'\nweight: ${weight}\nreason: why\nseverity: low\n`;
/** As an editor does: whole, at once. */
const write = async (name: string, text: string): Promise<void> => {
  await writeFile(`${folder}.new`, text);
  await rename(`${folder}.new`, join(folder, name));
};
const check = (expression: string): string | null => (expression.includes('bad') ? 'no such name' : null);

test('every fault is told at once, with file, line and column; what has none is given', async () => {
  await write('a.yaml', ruleText(10));
  await write('b.yaml', "expression: 'bad'\nweight: 1\nreason: why\nseverity: low\n");
  await write('c.yaml', "expression: 'true'\nweight: much\nreason: why\nseverity: urgent\n");
  await write('d.yaml', 'expression: [');
  await write('thresholds.yaml', 'reviewScore: 90\ndeclineScore: 80\n');
  const { rules, thresholds, faults } = await readRules(folder, check);
  expect(rules.map(({ ruleId, isOn }) => [ruleId, isOn])).toEqual([['a', true]]);
  expect(thresholds).toBeNull();
  expect(faults.map((fault) => fault.slice(folder.length + 1))).toEqual([
    'b.yaml:1:13: expression: no such name',
    expect.stringMatching(/^c\.yaml:2:9: weight: /),
    expect.stringMatching(/^c\.yaml:4:11: severity: /),
    expect.stringMatching(/^d\.yaml:1:\d+: /),
    expect.stringMatching(/^thresholds\.yaml:1:1: reviewScore must not be above/),
  ]);
});

test('[E1][E2] all rules are published at the start, then what changes, within a second; a fault changes nothing', async () => {
  const sent: Record<string, unknown>[] = [];
  let ids = 0;
  let whileSent = async (): Promise<void> => {};
  // What was slept to its end: a busy machine adds nothing to it.
  let sleptMs = 0;
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, signal) {
      await systemClock.sleep(ms, signal);
      if (!signal?.aborted) sleptMs += ms;
    },
  };
  const publisher = createRulePublisher({
    ...{ folder, check, newId: () => `id-${ids++}`, clock, logger: silentLogger },
    producer: {
      partitionCount: async () => 4,
      send: async (messages: readonly OutMessage[]) => {
        for (const { value } of messages)
          sent.push(JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, unknown>);
        await whileSent();
        return messages.map(({ topic, partition }) => ({ topic, partition, messageOffset: 0n }));
      },
    },
  });
  const until = async (count: number) => {
    sleptMs = 0;
    await expect.poll(() => sent.length).toBeGreaterThanOrEqual(count);
    expect(sleptMs).toBeLessThan(1_000);
    return sent.splice(0).map(({ type, ruleId, weight, ruleIds }) => (type === 'rule' ? [ruleId, weight] : ruleIds));
  };
  await write('a.yaml', ruleText(10));
  await write('b.yaml', ruleText(20));
  await publisher.start();
  expect(await until(3)).toEqual([
    ['a', 10],
    ['b', 20],
    ['a', 'b'],
  ]);
  whileSent = async () => {
    whileSent = async () => {};
    await write('b.yaml', ruleText(21));
  };
  await write('a.yaml', ruleText(11));
  expect(await until(2)).toEqual([
    ['a', 11],
    ['b', 21],
  ]);
  await write('a.yaml', ruleText(0).replace('true', 'bad'));
  await systemClock.sleep(400);
  expect(sent).toEqual([]);
  await rm(join(folder, 'b.yaml'));
  expect(await until(1)).toEqual([['a']]);
  await publisher.drain();
  expect(new Set([publisher.status().state])).toEqual(new Set(['stopped']));
});
