import { pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';

/** Levels by what an operator must do: error = act now, warn = look today, info = nothing, debug = developers. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Structured log. Keys, amounts and secrets never go in: name the thing, not its data. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  /** The same log with `fields` on every line. */
  child(fields: object): Logger;
}

/** JSON lines on stderr; coloured and short when stderr is a terminal. */
export function createLogger(level: LogLevel, isTerminal: boolean = process.stderr.isTTY): Logger {
  const stream = isTerminal ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname' }) : process.stderr;
  return pino({ level, base: null, timestamp: stdTimeFunctions.isoTime }, stream);
}

/** Says nothing: for tests and for commands whose output is data. */
export const silentLogger: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  child: () => silentLogger,
};
