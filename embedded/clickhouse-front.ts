import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { EngineError, type Engine, type EngineResult } from './clickhouse-engine.ts';
import {
  FrontError,
  bodyOf,
  limited,
  readBody,
  readFrontRequest,
  refuseForeignPages,
  type FrontRequest,
} from './clickhouse-request.ts';
import { readStatement, type Statement } from './clickhouse-statement.ts';

export interface FrontOptions {
  readonly engine: Engine;
  /** Absolute: where rows of inserts wait for the engine. */
  readonly incomingDir: string;
  /** Statements that may run or wait at a time; more are refused with 503. */
  readonly requestsMax?: number;
  /** SQL in a body, and rows behind SQL in the same body. */
  readonly textBytesMax?: number;
  /** Rows of one insert whose SQL is in the URL; they go straight to a file. */
  readonly rowsBytesMax?: number;
}

interface Answer {
  readonly result: EngineResult;
  readonly format: string;
  readonly writtenBytes: number | null;
}

const gzipAsync = promisify(gzip);
const gzipFromBytes = 1024;
/** Longer than the 2.5 s after which @clickhouse/client lets an idle socket go. */
const keepAliveMs = 30_000;

/** The ClickHouse HTTP interface before an embedded engine; not listening yet. */
export function createFront(options: FrontOptions): Server {
  const requestsMax = options.requestsMax ?? 100;
  let running = 0;
  const server = createServer((request, response) => {
    response.setHeader('X-ClickHouse-Query-Id', randomUUID());
    response.setHeader('X-ClickHouse-Server-Display-Name', 'millrace embedded');
    running += 1;
    respond(options, request, response, running > requestsMax)
      .catch((error: unknown) => fail(response, error))
      .finally(() => (running -= 1));
  });
  server.keepAliveTimeout = keepAliveMs;
  server.requestTimeout = 0;
  return server;
}

async function respond(
  options: FrontOptions,
  request: IncomingMessage,
  response: ServerResponse,
  isFull: boolean,
): Promise<void> {
  refuseForeignPages(request);
  const asked = readFrontRequest(request);
  const { path, queryId } = asked;
  if (queryId !== null && /^[\x20-\x7e]+$/.test(queryId)) response.setHeader('X-ClickHouse-Query-Id', queryId);
  if (path === '/ping' || path === '/replicas_status') return sendText(response, 200, 'Ok.\n');
  if (path !== '/') throw new FrontError(404, 48, `There is no ${path}: POST a query to /. (NOT_IMPLEMENTED)`);
  if (isRead(request) && asked.query === '') return sendText(response, 200, 'Ok.\n');
  if (!isRead(request) && request.method !== 'POST')
    throw new FrontError(501, 48, 'Use GET or POST. (NOT_IMPLEMENTED)');
  if (isFull) throw new FrontError(503, 202, 'Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)');
  const answer = await execute(options, asked, request);
  await send(response, asked, answer);
}

/** Where the rows of an insert are not in its own text, they follow in the body. */
async function execute(options: FrontOptions, asked: FrontRequest, request: IncomingMessage): Promise<Answer> {
  const inUrl = readStatement(toBytes(asked.query).toString('latin1'));
  if (inUrl.kind === 'insert') return insertRows(options, asked, toBytes(asked.query), inUrl, bodyOf(request));
  const body = await readBody(bodyOf(request), options.textBytesMax ?? 64 * 2 ** 20);
  const text = asked.query === '' ? body : Buffer.concat([toBytes(`${asked.query}\n`), body]);
  const statement = readStatement(text.toString('latin1'));
  if (statement.kind === 'insert') return insertRows(options, asked, text, statement, null);
  if (statement.kind === 'unsupported') throw new FrontError(501, 48, `${statement.reason}. (NOT_IMPLEMENTED)`);
  if (statement.isMulti)
    throw new FrontError(400, 62, 'Syntax error: Multi-statements are not allowed. (SYNTAX_ERROR)');
  const format = statement.format ?? asked.defaultFormat;
  const result = await run(options, asked, text.toString('utf8'));
  return { result, format, writtenBytes: null };
}

/** Rows never reach the engine as part of its SQL: it ends inline rows at a blank line and runs what follows. */
async function insertRows(
  options: FrontOptions,
  asked: FrontRequest,
  sql: Buffer,
  statement: Extract<Statement, { kind: 'insert' }>,
  body: AsyncIterable<Buffer> | null,
): Promise<Answer> {
  const path = join(options.incomingDir, `${randomUUID()}.rows`);
  try {
    const writtenBytes = await writeRows(
      path,
      sql.subarray(statement.dataStart),
      body,
      options.rowsBytesMax ?? 512 * 2 ** 20,
    );
    const head = sql.subarray(0, statement.infileAt).toString('utf8');
    const settings = sql.subarray(statement.infileAt, statement.headEnd).toString('utf8');
    const fromFile = `${head} FROM INFILE '${infilePath(path)}' COMPRESSION 'none' ${settings} FORMAT ${statement.format}`;
    const result = await run(options, asked, writtenBytes === 0 ? 'SELECT 1 FORMAT Null' : fromFile);
    return { result: { ...result, bytes: new Uint8Array() }, format: asked.defaultFormat, writtenBytes };
  } finally {
    await rm(path, { force: true });
  }
}

/** The engine takes the path for a pattern, in which nothing can be quoted: what is special matches itself as `?`. The name is unique. */
const infilePath = (path: string): string => path.replace(/[*?{}'\\]/g, '?');

async function writeRows(
  path: string,
  first: Buffer,
  body: AsyncIterable<Buffer> | null,
  bytesMax: number,
): Promise<number> {
  if (body === null) {
    await writeFile(path, first);
    return first.length;
  }
  const file = createWriteStream(path);
  await pipeline(async function* () {
    if (first.length > 0) yield first;
    yield* limited(body, bytesMax);
  }, file);
  return file.bytesWritten;
}

async function run(options: FrontOptions, asked: FrontRequest, sql: string): Promise<EngineResult> {
  // The engine would take what is before it for the whole.
  if (sql.includes('\0')) throw new FrontError(400, 62, 'Syntax error: a zero byte in the query. (SYNTAX_ERROR)');
  return options.engine.run({
    sql,
    format: asked.defaultFormat,
    database: asked.database,
    settings: asked.settings,
    params: asked.params,
    role: asked.role,
  });
}

async function send(
  response: ServerResponse,
  asked: FrontRequest,
  { result, format, writtenBytes }: Answer,
): Promise<void> {
  response.setHeader('X-ClickHouse-Format', format);
  response.setHeader('Content-Type', contentTypeOf(format));
  response.setHeader('X-ClickHouse-Summary', summaryOf(result, writtenBytes));
  let bytes: Uint8Array = result.bytes;
  if (asked.acceptsGzip && bytes.length >= gzipFromBytes) {
    bytes = await gzipAsync(bytes, { level: 1 });
    response.setHeader('Content-Encoding', 'gzip');
  }
  response.setHeader('Content-Length', bytes.length);
  response.end(bytes);
}

function summaryOf(result: EngineResult, writtenBytes: number | null): string {
  const isInsert = writtenBytes !== null;
  return JSON.stringify({
    read_rows: String(result.rowsRead),
    read_bytes: String(result.bytesRead),
    written_rows: String(isInsert ? result.rowsRead : 0),
    written_bytes: String(writtenBytes ?? 0),
    total_rows_to_read: '0',
    result_rows: '0',
    result_bytes: String(result.bytes.length),
    elapsed_ns: String(Math.round(result.elapsedSeconds * 1e9)),
  });
}

function contentTypeOf(format: string): string {
  if (/^JSON.*EachRow/.test(format)) return 'application/x-ndjson; charset=UTF-8';
  if (format.startsWith('JSON')) return 'application/json; charset=UTF-8';
  if (format.startsWith('CSV')) return 'text/csv; charset=UTF-8; header=absent';
  if (/^(?:TabSeparated|TSV)/.test(format)) return 'text/tab-separated-values; charset=UTF-8';
  if (/^(?:Pretty|Vertical|Values|Markdown|XML)/.test(format)) return 'text/plain; charset=UTF-8';
  return 'application/octet-stream';
}

function fail(response: ServerResponse, error: unknown): void {
  const { status, code, message } = classify(error);
  if (response.headersSent) return void response.destroy();
  response.setHeader('X-ClickHouse-Exception-Code', code);
  // The rest of a refused body is not read: the connection cannot be used again.
  if (!response.req.complete) response.setHeader('Connection', 'close');
  sendText(response, status, `Code: ${code}. DB::Exception: ${message}\n`);
}

function classify(error: unknown): { status: number; code: number; message: string } {
  if (error instanceof FrontError) return { status: error.status, code: error.clickhouseCode, message: error.message };
  if (error instanceof EngineError)
    return { status: httpStatusOf(error.clickhouseCode), code: error.clickhouseCode, message: error.message };
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return {
      status: 500,
      code: 243,
      message: 'Cannot keep the rows of an insert: no space left on device. (NOT_ENOUGH_SPACE)',
    };
  const message = error instanceof Error ? error.message : String(error);
  return { status: code?.startsWith('Z_') ? 400 : 500, code: 210, message: `${message} (NETWORK_ERROR)` };
}

/** As ClickHouse's own HTTP interface answers, by code: what is asked wrongly 400, what is missing 404, and so on. */
function httpStatusOf(code: number): number {
  if ([60, 81, 46, 47, 115].includes(code)) return 404;
  if ([6, 26, 27, 36, 38, 41, 42, 43, 53, 62, 69, 70, 72, 73, 117, 456, 457].includes(code)) return 400;
  if ([164, 497].includes(code)) return 403;
  if (code === 159) return 408;
  if (code === 48) return 501;
  if (code === 202) return 503;
  return 500;
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.end(text);
}

const isRead = (request: IncomingMessage): boolean => request.method === 'GET' || request.method === 'HEAD';
const toBytes = (text: string): Buffer => Buffer.from(text, 'utf8');

/** An empty folder for rows on their way. What an earlier process left there was never acknowledged. */
export async function prepareIncomingDir(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
}
