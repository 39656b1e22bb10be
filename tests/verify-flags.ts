import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { KafkaDriver, KafkaReader, KafkaSender } from '../kafka/contract.ts';

/** One flag of a `verify:…` command: the letter for its value, what it is, and its default (absent: none, then its value is empty). */
export type Flag = readonly [value: string, says: string, fallback?: string];

/** The flags of every command that breaks something on a rig of its own. */
export const rigFlags = {
  seed: ['S', 'of events and moments', '1'],
  driver: ['D', 'node-rdkafka or confluent', 'node-rdkafka'],
  reader: ['R', 'client or direct', 'direct'],
  sender: ['R', 'client or direct', 'direct'],
} as const satisfies Readonly<Record<string, Flag>>;

/** For those that can do it without Java. */
export const brokerFlag: Flag = ['KIND', 'real or embedded; the real one where it can be had'];

/** The flags' values as text. Tells and ends the process for `--help` (0) and for what is no flag of the command (2). */
export function readFlags<Name extends string>(
  command: string,
  flags: Readonly<Record<Name, Flag>>,
): Readonly<Record<Name, string>> {
  const names = Object.keys(flags) as Name[];
  const width = 2 + Math.max(...names.map((name) => `--${name} ${flags[name][0]}`.length));
  const lines = names.map((name) => {
    const [value, says, fallback] = flags[name];
    return `  ${`--${name} ${value}`.padEnd(width)}${says}${fallback === undefined ? '' : ` (default ${fallback})`}`;
  });
  const usage = `usage: npm run ${command} -- [options]\n${lines.join('\n')}`;
  try {
    const options = Object.fromEntries(
      names.map((name) => [name, { type: 'string', default: flags[name][2] ?? '' }] as const),
    );
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', default: false } } });
    if (!values['help']) return values as Record<Name, string>;
    console.log(usage);
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exit(2);
  }
  process.exit(0);
}

/** What `rigFlags` say, for the rig. */
export function rigOf({ seed, driver, reader, sender }: Readonly<Record<keyof typeof rigFlags, string>>): {
  readonly seed: number;
  readonly driver: KafkaDriver;
  readonly reader: KafkaReader;
  readonly sender: KafkaSender;
} {
  return {
    seed: Number(seed),
    driver: oneOf('driver', driver, ['node-rdkafka', 'confluent']),
    reader: oneOf('reader', reader, ['client', 'direct']),
    sender: oneOf('sender', sender, ['client', 'direct']),
  };
}

/** The value as one of these; ends the process (2) where it is none. */
export function oneOf<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  console.error(`--${name} is ${value}: must be one of ${known.join(', ')}`);
  process.exit(2);
}

/** Progress, on standard error: what counts is on standard output. */
export const say = (line: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);

/** Ends the command. A native client that hangs in its library would hold that up for ever (`process.exit` waits for its thread). */
export function endVerify(code: number): never {
  const untilGone = 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; kill -0 "$0" 2>/dev/null || exit; done; kill -9 "$0"';
  spawn('sh', ['-c', untilGone, String(process.pid)], { detached: true, stdio: 'ignore' }).unref();
  process.exit(code);
}
