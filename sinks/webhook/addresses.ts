// Which addresses a webhook may be sent to: public ones, and those that the configuration names.
// Guarantees: refuses by what an address is, in any spelling; whatever is not known to be public is refused, of IPv6 all that is
// not global unicast (2000::/3), and what wraps an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
// Pure: the same address is judged the same each time.
import ipaddr from 'ipaddr.js';

/** An address range, e.g. of `10.0.0.0/8`. */
export type AddressRange = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Where clouds keep credentials or talk to a machine's agent, outside the ranges that are refused anyway. */
const metadataAddresses = new Set(['168.63.129.16']);

/** The whole of global unicast IPv6, and what of it is not a place of its own. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');
const notPlaces = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map((text) => ipaddr.parseCIDR(text));

/** `10.0.0.0/8`, or one address alone. Throws an Error where the text is neither. */
export function parseRange(text: string): AddressRange {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.parse(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

/** Why the address must not be called (`loopback`, `private`, …: for a person), or null when it may. */
export function refusalOf(text: string, allowed: readonly AddressRange[]): string | null {
  const given = parse(text);
  if (given === null) return 'not an address';
  const address = plain(given);
  if (allowed.some((range) => isIn(address, range) || isIn(given, range))) return null;
  if (metadataAddresses.has(address.toString())) return 'metadata';
  // A zone is of this machine's own network.
  if (text.includes('%')) return 'linkLocal';
  if (given !== address) return refusalOf(address.toString(), []) ?? 'ipv4Mapped';
  const range = address.range();
  if (range !== 'unicast') return range;
  if (address.kind() === 'ipv4') return null;
  if (!isIn(address, globalUnicast)) return 'not global';
  return notPlaces.some((one) => isIn(address, one)) ? 'reserved' : null;
}

function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  const bare = text.replace(/^\[|\]$/g, '');
  // Four plain decimals or IPv6, as sockets and URLs have them: other spellings of IPv4 are no address here.
  if (!bare.includes(':')) return ipaddr.IPv4.isValidFourPartDecimal(bare) ? ipaddr.IPv4.parse(bare) : null;
  const [address = ''] = bare.split('%', 1);
  // In hexadecimal: the library takes `::127.0.0.1`, which is IPv4-compatible, for `::ffff:127.0.0.1`.
  return URL.canParse(`http://[${address}]`)
    ? ipaddr.IPv6.parse(new URL(`http://[${address}]`).hostname.slice(1, -1))
    : null;
}

/** An IPv4 address in IPv6's clothes is that IPv4 address. */
function plain(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

function isIn(address: ipaddr.IPv4 | ipaddr.IPv6, [base, bits]: AddressRange): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}
