import { totalmem } from 'node:os';
import { Session } from 'chdb';

/** One statement for the engine. Settings, parameters and database hold for it alone. */
export interface EngineRequest {
  readonly sql: string;
  /** Output format where the SQL names none. */
  readonly format: string;
  readonly database: string | null;
  readonly settings: ReadonlyMap<string, string>;
  /** Values for `{name:Type}`, in ClickHouse's escaped form. */
  readonly params: ReadonlyMap<string, string>;
  /** Takes on only the rights of this role. */
  readonly role: string | null;
}

export interface EngineResult {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
  readonly bytesRead: number;
  readonly elapsedSeconds: number;
}

export interface Engine {
  /** Rejects with `EngineError`. Runs on a thread of libuv's pool: at most UV_THREADPOOL_SIZE at a time. */
  run(request: EngineRequest): Promise<EngineResult>;
  close(): void;
}

/** What the engine answered instead of a result: ClickHouse's code and text. */
export class EngineError extends Error {
  readonly clickhouseCode: number;
  constructor(clickhouseCode: number, message: string) {
    super(message);
    this.name = 'EngineError';
    this.clickhouseCode = clickhouseCode;
  }
}

/** Code 210, NETWORK_ERROR: the engine gave no code of its own. */
const unknownCode = 210;
/** A query of a person must not take the machine down with it; `max_memory_usage` in the URL overrides. */
const memoryBytesMax = Math.min(4 * 2 ** 30, Math.floor(totalmem() / 2));

/**
 * Opens the engine on a directory, which one process may hold at a time, with a configuration file of ClickHouse's. One session per request (0.6 ms): on a shared one,
 * settings leak from call to call and an insert waits behind a query.
 */
export function openEngine(dataDir: string, configFile: string): Engine {
  const keepsItOpen = new Session(dataDir, { connectionArgs: [`--config-file=${configFile}`] });
  return {
    run: async (request) => {
      const session = openSession(dataDir);
      try {
        const preamble = preambleOf(request);
        if (preamble !== '') session.query(preamble);
        const result = await session.queryAsync(request.sql, { format: request.format });
        return {
          bytes: result.bytes(),
          rowsRead: result.rowsRead,
          bytesRead: result.bytesRead,
          elapsedSeconds: result.elapsed,
        };
      } catch (error) {
        throw engineError(error);
      } finally {
        session.close();
      }
    },
    close: () => keepsItOpen.close(),
  };
}

function openSession(dataDir: string): Session {
  try {
    return new Session(dataDir, { connectionArgs: [`--max_memory_usage=${memoryBytesMax}`] });
  } catch (error) {
    throw engineError(error);
  }
}

/** `readonly` goes last: after it nothing can be set. */
function preambleOf({ database, settings, params, role }: EngineRequest): string {
  const sets = [...settings]
    .filter(([name]) => name !== 'readonly')
    .map(([name, value]) => `${name} = ${literal(value)}`);
  for (const [name, value] of params) sets.push(`param_${name} = ${literal(value)}`);
  const readonly = settings.get('readonly');
  return [
    sets.length > 0 ? `SET ${sets.join(', ')};` : '',
    database === null ? '' : `USE ${identifier(database)};`,
    role === null ? '' : `SET ROLE ${identifier(role)};`,
    readonly === undefined ? '' : `SET readonly = ${literal(readonly)};`,
  ].join('\n');
}

const identifier = (name: string): string => `\`${name.replace(/[\\`]/g, '\\$&')}\``;
const literal = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

function engineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = /Code: (\d+)\./.exec(message)?.[1];
  return new EngineError(code === undefined ? unknownCode : Number(code), tidy(message));
}

/** The engine repeats its prefix and suffix once per layer: `Code: 1. DB::Exception: Code: 1. DB::Exception: … (X) (version …). (X)`. */
function tidy(message: string): string {
  const name = /\(([A-Z][A-Z0-9_]+)\)\s*$/.exec(message)?.[1] ?? 'NETWORK_ERROR';
  const text = message
    .replace(/^Query failed: /, '')
    .replace(/^(?:Code: \d+\. DB::Exception: )+/, '')
    .replace(/(?:\s*\((?:[A-Z][A-Z0-9_]+|version [^)]*)\)\.?)+\s*$/, '');
  return `${text} (${name})`;
}
