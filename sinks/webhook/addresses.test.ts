import { describe, expect, test } from 'vitest';
import { parseRange, refusalOf } from './addresses.ts';

/** As a request sees it: what the URL's host is, brackets and odd spellings undone. */
const hostOf = (url: string): string => new URL(url).hostname;

describe('addresses that a webhook must not reach', () => {
  test.each([
    'http://127.0.0.1/',
    'http://127.255.255.254/',
    'http://0.0.0.0/',
    'http://0.1.2.3/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://10.0.0.1/',
    'http://172.16.0.1/',
    'http://172.31.255.255/',
    'http://192.168.1.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://168.63.129.16/',
    'http://100.64.0.1/',
    'http://100.100.100.200/',
    'http://192.0.0.192/',
    'http://192.0.2.1/',
    'http://192.88.99.1/',
    'http://198.18.0.1/',
    'http://198.51.100.1/',
    'http://203.0.113.1/',
    'http://224.0.0.1/',
    'http://240.0.0.1/',
    'http://255.255.255.255/',
    'http://[::]/',
    'http://[::1]/',
    'http://[::127.0.0.1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:0:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[64:ff9b:1::a00:1]/',
    'http://[2002:7f00:1::]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/',
    'http://[2001:db8::1]/',
    'http://[2001:2::1]/',
    'http://[2001:20::1]/',
    'http://[3fff::1]/',
    'http://[100::1]/',
    'http://[fc00::1]/',
    'http://[fd00:ec2::254]/',
    'http://[fe80::1]/',
    'http://[fec0::1]/',
    'http://[ff02::1]/',
    'http://[4000::1]/',
    'http://[5f00::1]/',
  ])('[H11] %s is refused', (url) => {
    expect(refusalOf(hostOf(url), [])).not.toBeNull();
  });

  test.each(['fe80::1%eth0', '2600::1%eth0', '', 'localhost', '1.2.3', '0x7f.0.0.1', '::ffff:8.8.8.8'])(
    '[H11] %j, as a resolver might give it, is refused',
    (address) => expect(refusalOf(address, [])).not.toBeNull(),
  );

  test.each([
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '169.253.0.1',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '[2600::1]',
  ])('[H11] %s is public', (address) => expect(refusalOf(address, [])).toBeNull());
});

describe('addresses that the configuration allows', () => {
  const allowed = ['10.1.0.0/16', '127.0.0.1', 'fd12::/16'].map(parseRange);

  test.each(['10.1.2.3', '127.0.0.1', '[fd12::1]', '::ffff:10.1.2.3'])('[H11] %s is allowed by its range', (address) =>
    expect(refusalOf(address, allowed)).toBeNull(),
  );

  test.each(['10.2.0.1', '127.0.0.2', '::1', 'fd13::1', '::127.0.0.1'])('[H11] %s is in none of them', (address) =>
    expect(refusalOf(address, allowed)).not.toBeNull(),
  );

  test.each(['10.0.0.0/33', 'intranet', '', '1.2.3.4/x'])('%j is no range', (text) => {
    expect(() => parseRange(text)).toThrow();
  });
});
