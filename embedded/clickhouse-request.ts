import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** What a request to the HTTP interface asks beside its body. */
export interface FrontRequest {
  readonly path: string;
  /** SQL of `?query=`, or ''. */
  readonly query: string;
  readonly queryId: string | null;
  readonly database: string | null;
  /** A role to take on instead of all rights. */
  readonly role: string | null;
  readonly defaultFormat: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly params: ReadonlyMap<string, string>;
  readonly acceptsGzip: boolean;
}

/** A refusal with ClickHouse's code and an HTTP status. */
export class FrontError extends Error {
  readonly status: number;
  readonly clickhouseCode: number;
  constructor(status: number, clickhouseCode: number, message: string) {
    super(message);
    this.name = 'FrontError';
    this.status = status;
    this.clickhouseCode = clickhouseCode;
  }
}

// Of the HTTP interface itself, not settings. Users and passwords are accepted and not looked at: the front is on loopback only.
const notSettings = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'user',
  'password',
  'quota_key',
  'role',
  'session_id',
  'session_timeout',
  'session_check',
  'session_timezone',
  'compress',
  'decompress',
  'enable_http_compression',
  'buffer_size',
  'wait_end_of_query',
  'stacktrace',
  'close_session',
]);

/** Reads URL and headers. Throws a `FrontError` for what it refuses. */
export function readFrontRequest(request: IncomingMessage): FrontRequest {
  const url = urlOf(request);
  const settings = new Map<string, string>();
  const params = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new FrontError(404, 115, `Unknown setting '${name}'. (UNKNOWN_SETTING)`);
    if (name.startsWith('param_')) params.set(name.slice('param_'.length), value);
    else if (!notSettings.has(name)) settings.set(name, value);
  }
  const isReadMethod = request.method === 'GET' || request.method === 'HEAD';
  if (isReadMethod && (settings.get('readonly') ?? '0') === '0') settings.set('readonly', '2');
  const wantsGzip = /^(?:1|true)$/.test(url.searchParams.get('enable_http_compression') ?? '');
  return {
    path: url.pathname,
    query: url.searchParams.get('query') ?? '',
    queryId: url.searchParams.get('query_id'),
    database: url.searchParams.get('database') ?? header(request, 'x-clickhouse-database'),
    role: url.searchParams.get('role'),
    defaultFormat: url.searchParams.get('default_format') ?? header(request, 'x-clickhouse-format') ?? 'TabSeparated',
    settings,
    params,
    acceptsGzip: wantsGzip && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')),
  };
}

/**
 * A page of another site must not reach the front through a person's browser: neither by a form or image (Origin,
 * Sec-Fetch-Site) nor by a name that resolves to loopback (Host).
 */
export function refuseForeignPages(request: IncomingMessage): void {
  const { host, origin } = request.headers;
  const site = header(request, 'sec-fetch-site');
  const isForeign =
    (host !== undefined && !isLoopback(`http://${host}`)) ||
    (origin !== undefined && !isLoopback(origin)) ||
    (site !== null && site !== 'same-origin' && site !== 'none' && origin === undefined);
  if (isForeign)
    throw new FrontError(403, 497, 'Only programs on this machine may ask the embedded ClickHouse. (ACCESS_DENIED)');
}

/** The body, unpacked. Throws for an encoding that it does not know. */
export function bodyOf(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return request;
  if (encoding !== 'gzip')
    throw new FrontError(501, 48, `Content-Encoding ${encoding} is not supported: use gzip. (NOT_IMPLEMENTED)`);
  const gunzip = createGunzip();
  request.once('close', () => {
    if (!request.complete) gunzip.destroy(new FrontError(400, 210, 'The body was cut off. (NETWORK_ERROR)'));
  });
  return request.pipe(gunzip);
}

/** The whole body in memory, at most `bytesMax`. */
export async function readBody(body: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of limited(body, bytesMax)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The body's chunks; a `FrontError` (413) once there are more than `bytesMax`. */
export async function* limited(body: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new FrontError(413, 307, `The body is larger than ${bytesMax} bytes. (TOO_MANY_BYTES)`);
    yield chunk;
  }
}

/** A path such as `//` is no URL. */
function urlOf(request: IncomingMessage): URL {
  const url = `http://localhost${request.url ?? '/'}`;
  if (!URL.canParse(url)) throw new FrontError(400, 62, 'The path is not a URL. (SYNTAX_ERROR)');
  return new URL(url);
}

function header(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}

function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
