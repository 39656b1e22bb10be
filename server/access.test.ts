import { expect, test } from 'vitest';
import { createAccess, isLocalRequest, isLoopback } from './access.ts';

const access = createAccess({
  host: '127.0.0.1',
  allowedHosts: ['millrace.example'],
  allowedOrigins: ['https://ops.example'],
});

test.each([
  ['127.0.0.1:4700', true],
  ['localhost:4700', true],
  ['LOCALHOST', true],
  ['[::1]:4700', true],
  ['192.168.1.7:4700', true],
  ['millrace.example', true],
  ['Millrace.Example:443', true],
  ['evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example:4700', false],
  ['evil@localhost', false],
  ['', false],
  [undefined, false],
])('a request to host %s is allowed: %s', (host, isAllowed) => {
  expect(access.allowsHost(host)).toBe(isAllowed);
});

test.each([
  [undefined, '127.0.0.1:4700', true],
  ['http://127.0.0.1:4700', '127.0.0.1:4700', true],
  ['http://localhost:4700', '127.0.0.1:4700', true],
  ['http://localhost:3000', '127.0.0.1:4700', false],
  ['https://ops.example', '127.0.0.1:4700', true],
  ['https://millrace.example', 'millrace.example', true],
  ['https://evil.example', 'millrace.example', false],
  ['https://ops.example.evil.example', '127.0.0.1:4700', false],
  ['null', '127.0.0.1:4700', false],
  ['', '127.0.0.1:4700', false],
])('[I5] a page of origin %s may talk to %s: %s', (origin, host, isAllowed) => {
  expect(access.allowsOrigin(origin, host)).toBe(isAllowed);
});

test.each([
  ['127.0.0.1', {}, true],
  ['::ffff:127.0.0.1', {}, true],
  ['::1', {}, true],
  ['10.0.0.3', {}, false],
  ['127.0.0.1', { 'x-forwarded-for': '10.0.0.3' }, false],
  ['127.0.0.1', { forwarded: 'for=10.0.0.3' }, false],
])('[I5] a request from %s with %j is local: %s', (remoteAddress, headers, isLocal) => {
  expect(isLocalRequest({ socket: { remoteAddress } as never, headers })).toBe(isLocal);
});

test('loopback is known by every name', () => {
  expect(['localhost', '127.0.0.1', '127.8.9.1', '::1', '[::1]'].every(isLoopback)).toBe(true);
  expect(['0.0.0.0', '::', '128.0.0.1', 'localhost.evil'].some(isLoopback)).toBe(false);
});
