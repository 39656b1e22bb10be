import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openLink, type Link } from './link.ts';

const running: (() => void)[] = [];
afterEach(() => running.splice(0).forEach((stop) => stop()));

/** A broker that collects requests; who tests answers them. */
async function openBroker(requestTimeoutMs = 10_000) {
  const requests: Buffer[] = [];
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    let bytes = Buffer.alloc(0);
    socket.on('data', (piece) => {
      bytes = Buffer.concat([bytes, piece]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        requests.push(bytes.subarray(4, 4 + bytes.readInt32BE(0)));
        bytes = bytes.subarray(4 + bytes.readInt32BE(0));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const link = await openLink({ host: '127.0.0.1', port }, { clientId: 'me', security: undefined, requestTimeoutMs });
  running.push(() => {
    void link.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const idOf = (request: Buffer | undefined): number => request?.readInt32BE(4) ?? -1;
  const answer = (id: number, body: Buffer): void => {
    const head = Buffer.alloc(8);
    head.writeInt32BE(4 + body.length, 0);
    head.writeInt32BE(id, 4);
    for (const socket of sockets) socket.write(Buffer.concat([head, body]));
  };
  return { link, requests, answer, idOf, end: () => sockets.forEach((socket) => socket.destroy()) };
}

const ask = (link: Link, body: Buffer, room?: (length: number) => Buffer): Promise<Buffer> =>
  link.request({ key: 9, version: 3 }, (writer) => writer.appendInt32(body.length).append(body).appendInt8(7), room);

/** After its header: what was written. */
const bodyOf = (request: Buffer | undefined): Buffer => request?.subarray(10 + 2) ?? Buffer.alloc(0);

test('a request is its header and its parts, short ones and long ones', async () => {
  const { link, requests, answer, idOf } = await openBroker();
  for (const size of [0, 10, 4_095, 4_096, 3_000_000]) {
    const body = Buffer.alloc(size, size % 251);
    const asking = ask(link, body);
    await expect.poll(() => requests).toHaveLength(1);
    const [request] = requests.splice(0);
    expect([request?.readInt16BE(0), request?.readInt16BE(2), request?.toString('latin1', 10, 12)]).toEqual([
      9,
      3,
      'me',
    ]);
    const expected = Buffer.concat([Buffer.alloc(4), body, Buffer.from([7])]);
    expected.writeInt32BE(size, 0);
    expect(bodyOf(request).equals(expected)).toBe(true);
    answer(idOf(request), Buffer.from('done'));
    expect((await asking).toString()).toBe('done');
  }
});

test('an answer is read into the memory that was given for it', async () => {
  const { link, requests, answer, idOf } = await openBroker();
  const memory = Buffer.alloc(1_000_000);
  const asking = ask(link, Buffer.alloc(0), (length) => memory.subarray(0, length));
  const next = ask(link, Buffer.alloc(1));
  await expect.poll(() => requests).toHaveLength(2);
  answer(idOf(requests[0]), Buffer.alloc(900_000, 5));
  answer(idOf(requests[1]), Buffer.from('next'));
  const got = await asking;
  expect(got.buffer).toBe(memory.buffer);
  expect(got.equals(Buffer.alloc(900_000, 5))).toBe(true);
  expect((await next).toString()).toBe('next');
});

test('a broker that goes away, or answers what nobody asked, fails all that waits and the link', async () => {
  const leaving = await openBroker();
  const asked = [ask(leaving.link, Buffer.alloc(0)), ask(leaving.link, Buffer.alloc(0))];
  await expect.poll(() => leaving.requests).toHaveLength(2);
  leaving.end();
  for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'kafka_unavailable' });
  expect(leaving.link.isOpen()).toBe(false);
  await expect(ask(leaving.link, Buffer.alloc(0))).rejects.toMatchObject({ code: 'kafka_unavailable' });

  const lying = await openBroker();
  const one = ask(lying.link, Buffer.alloc(0));
  await expect.poll(() => lying.requests).toHaveLength(1);
  lying.answer(lying.idOf(lying.requests[0]) + 1, Buffer.alloc(3));
  await expect(one).rejects.toMatchObject({ code: 'kafka_unavailable' });
  expect(lying.link.isOpen()).toBe(false);
});

test('a request that is not answered in time fails, and the link with it', async () => {
  const { link } = await openBroker(50);
  await expect(ask(link, Buffer.alloc(0))).rejects.toMatchObject({ code: 'kafka_timed_out', retryable: true });
  expect(link.isOpen()).toBe(false);
});

test('a broker that is not there is unavailable', async () => {
  const { link, end } = await openBroker();
  end();
  await link.close();
  const options = { clientId: 'me', security: undefined, requestTimeoutMs: 1_000 };
  await expect(openLink({ host: '127.0.0.1', port: 1 }, options)).rejects.toMatchObject({ code: 'kafka_unavailable' });
});
