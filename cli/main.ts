import { CommanderError } from 'commander';
import { ConfigError } from '../config/load.ts';
import { exitCodes, UsageError } from './options.ts';
import { createProgram } from './program.ts';

/** Runs the command line of this process and leaves its exit code: 2 for wrong usage, 78 for bad config, 1 for other failures. */
async function main(): Promise<void> {
  try {
    await createProgram(process.env).parseAsync();
  } catch (error) {
    process.exitCode = exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): number {
  // Commander has printed its own line; help and version end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.wrongUsage;
  if (error instanceof UsageError) return say(error.message, exitCodes.wrongUsage);
  if (error instanceof ConfigError) return say(error.message, exitCodes.badConfig);
  return say(
    process.env['MILLRACE_LOG_LEVEL'] === 'debug' ? String((error as Error).stack) : messageOf(error),
    exitCodes.failed,
  );
}

function say(message: string, code: number): number {
  process.stderr.write(`millrace: ${message}\n`);
  return code;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

await main();
