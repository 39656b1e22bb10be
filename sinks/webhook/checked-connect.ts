// Connections that reach allowed addresses only: what a name resolves to is checked at the moment of connecting, and what the
// socket then has is checked again, so that a name cannot change its mind between check and use.
// Guarantees: not a byte is sent to a refused address; IP literals, for which nothing is looked up, are checked too.
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { type AddressRange, refusalOf } from './addresses.ts';

/** Asks for every address of a name, as `dns.lookup` does. */
export type LookupAll = (
  hostname: string,
  done: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void;

/** The address is none that a webhook may reach. Its message names the kind, never the address. */
export class RefusedAddressError extends Error {
  readonly code = 'address_refused';
  readonly retryable = true;
  constructor(kind: string) {
    super(`address refused: ${kind}`);
  }
}

export interface CheckedAgentOptions {
  /** Besides public addresses. */
  readonly allowed: readonly AddressRange[];
  readonly connectTimeoutMs: number;
  readonly connectionsMax: number;
  readonly lookupAll?: LookupAll;
}

const systemLookupAll: LookupAll = (hostname, done) => systemLookup(hostname, { all: true }, done);

/** An undici agent that connects as said above. Nothing else may be handed to undici in its place. */
export function createCheckedAgent(options: CheckedAgentOptions): Agent {
  const { allowed, connectTimeoutMs, connectionsMax, lookupAll = systemLookupAll } = options;
  const connect = buildConnector({ timeout: connectTimeoutMs, lookup: checkedLookup(lookupAll, allowed) });
  return new Agent({
    connections: connectionsMax,
    pipelining: 1,
    connect(target, done) {
      const literal = target.hostname.replace(/^\[|\]$/g, '');
      const refusal = isIP(literal) === 0 ? null : refusalOf(literal, allowed);
      if (refusal !== null) return done(new RefusedAddressError(refusal), null);
      connect(target, (error, socket) => {
        if (error) return done(error, null);
        const reached = refusalOf(socket.remoteAddress ?? '', allowed);
        if (reached === null) return done(null, socket);
        socket.destroy();
        done(new RefusedAddressError(reached), null);
      });
    },
  });
}

/** One address that is refused refuses the name: what else it gives is not to be trusted either. */
function checkedLookup(lookupAll: LookupAll, allowed: readonly AddressRange[]): LookupFunction {
  return (hostname, { all }, done) =>
    lookupAll(hostname, (error, addresses) => {
      if (error) return done(error, '', 0);
      const refusal = addresses.map(({ address }) => refusalOf(address, allowed)).find((one) => one !== null);
      const [first] = addresses;
      if (refusal !== undefined || !first) return done(new RefusedAddressError(refusal ?? 'none'), '', 0);
      if (all) done(null, [...addresses]);
      else done(null, first.address, first.family);
    });
}
