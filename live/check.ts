import type { ClientMessage, LiveRow, ServerMessage } from './messages.ts';

/** A frame as a message, or what is wrong with it; never throws, whatever the text. */
export type Checked<Message> =
  { readonly kind: 'ok'; readonly message: Message } | { readonly kind: 'bad'; readonly why: string };

type Fields = Readonly<Record<string, unknown>>;

/** Lengths that no honest client reaches. */
/** A visitor id and what is before it. */
const channelLengthMax = 250;
const tokenLengthMax = 200;
const secretLengthMax = 16_384;

/** What a client sent. `why` is for the client's developer and repeats nothing of what was sent. */
export function checkClientMessage(text: string): Checked<ClientMessage> {
  const fields = parseObject(text);
  if (!fields) return bad('not a JSON object');
  switch (fields['kind']) {
    case 'auth':
      return checkAuth(fields);
    case 'subscribe':
      return checkSubscribe(fields);
    case 'unsubscribe':
      if (!isId(fields['id'])) return bad('unsubscribe: id must be a whole number from 0');
      return ok({ kind: 'unsubscribe', id: fields['id'] });
    case 'ping':
    case 'pong':
      if (!isNumber(fields['n'])) return bad(`${fields['kind']}: n must be a number`);
      return ok({ kind: fields['kind'], n: fields['n'] });
    default:
      return bad('kind must be one of auth, subscribe, unsubscribe, ping, pong');
  }
}

function checkAuth(fields: Fields): Checked<ClientMessage> {
  const { method, secret } = fields;
  if (method === 'anonymous') return ok({ kind: 'auth', method });
  if (method !== 'key' && method !== 'jwt') return bad('auth: method must be one of anonymous, key, jwt');
  if (!isText(secret, secretLengthMax) || secret === '') return bad('auth: secret must be text');
  return ok({ kind: 'auth', method, secret });
}

function checkSubscribe({ id, channel, params, resume }: Fields): Checked<ClientMessage> {
  if (!isId(id)) return bad('subscribe: id must be a whole number from 0');
  if (!isText(channel, channelLengthMax) || channel === '')
    return bad(`subscribe: channel must be text of 1 to ${channelLengthMax} characters`);
  if (params !== undefined && !isObject(params)) return bad('subscribe: params must be an object');
  if (resume !== undefined && !isText(resume, tokenLengthMax)) return bad('subscribe: resume must be a token');
  return ok({
    kind: 'subscribe',
    id,
    channel,
    ...(params !== undefined && { params }),
    ...(resume !== undefined && { resume }),
  });
}

/** What the server sent. Rows are checked for identity and revision; what a row holds is its channel's. */
export function checkServerMessage(text: string): Checked<ServerMessage> {
  const fields = parseObject(text);
  if (!fields) return bad('not a JSON object');
  const kind = fields['kind'];
  const shape = typeof kind === 'string' && Object.hasOwn(serverShapes, kind) ? serverShapes[kind] : undefined;
  if (!shape) return bad(`unknown kind of message: ${String(kind)}`);
  for (const [name, isRight] of Object.entries(shape))
    if (!isRight(fields[name])) return bad(`${String(kind)}: ${name} is missing or of the wrong kind`);
  return ok(fields as unknown as ServerMessage);
}

type Check = (value: unknown) => boolean;
const isString: Check = (value) => typeof value === 'string';
const isBoolean: Check = (value) => typeof value === 'boolean';
const isRows: Check = (value) => Array.isArray(value) && value.every(isRow);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isString);

const serverShapes: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  hello: { protocol: isNumber, instance: isString, heartbeatMs: isNumber, authTimeoutMs: isNumber },
  ready: { subject: isString, expiresMs: (value) => value === null || isNumber(value) },
  subscribed: { id: isNumber, feed: isNumber, mode: (value) => value === 'resumed' || value === 'snapshot' },
  unsubscribed: { id: isNumber },
  resync: { feed: isNumber, reason: isString },
  snapshot: {
    feed: isNumber,
    part: isNumber,
    isLast: isBoolean,
    isPartial: isBoolean,
    seq: isNumber,
    resume: isString,
    rows: isRows,
  },
  delta: { feed: isNumber, prev: isNumber, seq: isNumber, resume: isString, rows: isRows, expired: isTexts },
  ping: { n: isNumber },
  pong: { n: isNumber },
  error: { code: isString, message: isString },
};

function isRow(value: unknown): value is LiveRow {
  return isObject(value) && isString(value['id']) && isString(value['revision']) && 'row' in value;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === 'string' && value.length <= lengthMax;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(text: string): Fields | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

const ok = <Message>(message: Message): Checked<Message> => ({ kind: 'ok', message });
const bad = (why: string): Checked<never> => ({ kind: 'bad', why });
