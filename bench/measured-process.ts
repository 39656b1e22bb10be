import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface MeasuredProcess {
  /** Beside this file, e.g. `fraud/child.ts`. */
  readonly file: string;
  /** Its first argument, as JSON. */
  readonly setup: object;
  /** Absent: this one. */
  readonly node?: string;
  readonly nodeArgs?: readonly string[];
  readonly timeoutMs?: number;
}

/** Runs a process of its own to its end and gives what its last line says: one process measures one thing. */
export function runMeasured<T>({
  file,
  setup,
  node = process.execPath,
  nodeArgs = [],
  timeoutMs = 900_000,
}: MeasuredProcess): Promise<T> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(node, [...nodeArgs, '--import', 'tsx', path, JSON.stringify(setup)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    timeout: timeoutMs,
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => void (said += data.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(said.trim().split('\n').at(-1) ?? 'null') as T);
      else reject(new Error(`the measured process ended with ${code ?? signal}: ${said}`));
    });
  });
}

/** What such a process was told. */
export const setupOf = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T;

/** Says it, and ends. */
export function report(result: unknown): never {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
  return undefined as never;
}
