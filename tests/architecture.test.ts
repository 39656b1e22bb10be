import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { clientLibraryFaults, kafkaPackageFaults, layerFaults, platformFaults } from './architecture/imports.ts';
import { moduleOf, type Fault, type Module } from './architecture/module.ts';
import { assertionFaults, clockFaults, headerFaults, lengthFaults, namingFaults } from './architecture/shape.ts';
import { readTree } from './architecture/tree.ts';

const tree = readTree();

interface Rule {
  readonly title: string;
  readonly faults: (modules: readonly Module[]) => readonly Fault[];
  /** Small files that break it: each must be found out, or the rule proves nothing. */
  readonly broken: readonly (readonly [path: string, text: string])[];
  /** Near misses that must pass. */
  readonly fine: readonly (readonly [path: string, text: string])[];
}

const each = (rule: (module: Module) => readonly Fault[]) => (modules: readonly Module[]) => modules.flatMap(rule);
const header = '// One line here.\n// And a second.\n// And a third.\n';
const longFunction = (lines: number) => `export function long() {\n${'  f();\n'.repeat(lines - 2)}}\n`;

const rules: readonly Rule[] = [
  {
    title: 'imports go only downwards',
    faults: each(layerFaults),
    broken: [
      ['events/payment.ts', "import { x } from '../streams/windows.ts';"],
      ['events/payment.ts', "import type { RecordBatch } from '../sources/source.ts';"],
      ['telemetry/metrics.ts', "export { x } from '../events/topics.ts';"],
      ['streams/windowed.ts', "import type { Clock } from '../telemetry/clock.ts';"],
      ['streams/windowed.ts', "import { topics } from '../events/topics.ts';"],
      ['processors/revenue/revenue.ts', "import { sink } from '../../sinks/kafka/sink.ts';"],
      ['tasks/owner.ts', "import { systemClock } from '../telemetry/clock.ts';"],
      ['tasks/owner.ts', "import { open } from '../kafka/open.ts';"],
      ['sinks/clickhouse/sink.ts', "import { windowed } from '../../streams/windowed.ts';"],
      ['server/routes.ts', "const sink = await import('../sinks/clickhouse/sink.ts');"],
      ['kafka/open.ts', "type Envelope = import('../events/envelope.ts').Envelope;"],
      ['pipeline.ts', "import { openKafka } from './kafka/open.ts';"],
      ['live/client.ts', "import type { Logger } from '../telemetry/logger.ts';"],
      ['dashboards/page.tsx', "import { loadConfig } from '../config/load.ts';"],
      ['sources/http/routes.ts', "import type { Config } from '../../config/schema.ts';"],
      ['somewhere/new.ts', ''],
    ],
    fine: [
      ['streams/windowed.ts', "import type { RecordBatch } from '../sources/source.ts';\nimport { map } from 'rxjs';"],
      [
        'tasks/owner.ts',
        "import type { Clock } from '../telemetry/clock.ts';\nimport { type Logger } from '../telemetry/logger.ts';",
      ],
      [
        'sinks/clickhouse/sink.ts',
        "import { resultTopics } from '../../events/topics.ts';\nimport type { Sink } from '../sink.ts';",
      ],
      [
        'pipeline.ts',
        "import type { Processor } from './processors/processor.ts';\nimport { watermark } from './streams/watermark.ts';",
      ],
      ['main.ts', "import { loadConfig } from './config/load.ts';"],
      ['streams/windowed.test.ts', "import { payment } from '../events/payment.ts';"],
    ],
  },
  {
    title: 'nothing but kafka/ imports the Kafka packages',
    faults: each(kafkaPackageFaults),
    broken: [
      ['embedded/broker-child.ts', "import rdkafka from 'node-rdkafka';"],
      ['tests/journey.integration.test.ts', "const k = await import('@confluentinc/kafka-javascript');"],
      ['sources/kafka/direct.ts', "import { Connection } from '@platformatic/kafka/dist/network/connection.js';"],
      ['cli/doctor.ts', "const k = require('node-rdkafka');"],
    ],
    fine: [['kafka/driver.ts', "const k = await import('node-rdkafka');"]],
  },
  {
    title: 'each folder of an edge owns at most one client library',
    faults: clientLibraryFaults,
    broken: [['sinks/webhook/send.ts', "import { Agent } from 'undici';\nimport { WebSocket } from 'ws';"]],
    fine: [['server/server.ts', "import fastify from 'fastify';\nimport helmet from '@fastify/helmet';"]],
  },
  {
    title: 'a fold does no I/O, and what a browser runs needs no Node',
    faults: each(platformFaults),
    broken: [
      ['streams/windowed.ts', "import { readFileSync } from 'node:fs';"],
      ['tasks/owner.ts', "import { setTimeout } from 'node:timers/promises';"],
      ['live/client.ts', "import { createHash } from 'node:crypto';"],
    ],
    fine: [['tasks/range.ts', "import { crc32 } from 'node:zlib';"]],
  },
  {
    title: 'no file is over 300 lines, no function over 70, main.ts over 100, pipeline.ts over 80',
    faults: each(lengthFaults),
    broken: [
      ['streams/long.ts', '\n'.repeat(301)],
      ['main.ts', '\n'.repeat(101)],
      ['pipeline.ts', '\n'.repeat(81)],
      ['streams/long.ts', longFunction(71)],
      ['dashboards/long.tsx', `const C = () => {\n${'  f();\n'.repeat(70)}};\n`],
      ['streams/long.ts', `class C { m() {\n${'  f();\n'.repeat(70)}} }\n`],
    ],
    fine: [
      ['streams/right.ts', longFunction(70)],
      ['streams/right.ts', '\n'.repeat(300)],
      ['streams/long.test.ts', longFunction(400)],
    ],
  },
  {
    title: 'time and chance are read only in telemetry/clock.ts and at named edges',
    faults: each(clockFaults),
    broken: [
      ['tasks/owner.ts', 'const now = Date.now();'],
      ['tasks/owner.ts', 'const now = Date.now;'],
      ['sinks/websocket/push.ts', 'const at = new Date();'],
      ['sources/generator/shop.ts', 'const r = Math.random();'],
      ['embedded/broker.ts', 'const t = globalThis.performance.now();'],
    ],
    fine: [
      ['telemetry/clock.ts', 'const now = Date.now();'],
      ['tasks/owner.ts', 'const at = new Date(atMs); // Date.now() is not called'],
      ['tasks/owner.test.ts', 'const now = Date.now();'],
    ],
  },
  {
    title: 'files of streams, sources, sinks and processors open with what they are for',
    faults: each(headerFaults),
    broken: [
      ['streams/windowed.ts', 'export const a = 1;\n// One.\n// Two.\n// Three.\n'],
      ['sinks/kafka/results.ts', "import { a } from './a.ts';\nexport const b = a;\n/** What it is. */\n"],
      ['sinks/kafka/results.ts', `// Short.\n${'export const b = 1;\n'.repeat(101)}`],
    ],
    fine: [
      ['streams/windowed.ts', `${header}export const a = 1;`],
      ['sinks/kafka/results.ts', `import { a } from './a.ts';\n${header}export const b = a;`],
      ['streams/small.ts', "import { a } from './a.ts';\n/** Which one. */\nexport const b = a;"],
      ['tasks/owner.ts', 'export const a = 1;'],
    ],
  },
  {
    title: 'a `!` has its reason on its line',
    faults: each(assertionFaults),
    broken: [['streams/a.ts', '// Never null.\nconst b = a()!;']],
    fine: [['streams/a.ts', 'const b = a()!; // a() is called after init\nconst c = !b;']],
  },
  {
    title: 'no barrels and no names that say nothing',
    faults: each(namingFaults),
    broken: [
      ['streams/utils/add.ts', ''],
      ['server/helpers.ts', ''],
      ['streams/index.ts', "export * from './a.ts';\nexport { b } from './b.ts';"],
    ],
    fine: [['processors/index.ts', "import { a } from './a.ts';\nexport const processors = [a];"]],
  },
];

describe.each(rules)('$title', ({ faults, broken, fine }) => {
  test('in the whole tree', () => {
    expect(faults(tree).map(({ where, message }) => `${where}  ${message}`)).toEqual([]);
  });

  test.each(broken)('a %s that breaks it is found: %j', (path, text) => {
    expect(faults([moduleOf(path, text)])).not.toEqual([]);
  });

  test.each(fine)('a %s that keeps it passes: %j', (path, text) => {
    expect(faults([moduleOf(path, text)])).toEqual([]);
  });
});

test('the required places of the tree are there', () => {
  const required = ['config/millrace.yaml', 'package.json', 'processors/index.ts', 'sinks', 'dashboards'];
  const root = new URL('../', import.meta.url);
  expect(required.filter((path) => !existsSync(new URL(path, root)))).toEqual([]);
});
