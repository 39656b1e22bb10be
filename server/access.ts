import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface AccessOptions {
  /** What the server listens on. */
  readonly host: string;
  /** Host names besides loopback, `host` and plain addresses that requests may name. */
  readonly allowedHosts: readonly string[];
  /** Origins besides our own that a browser may come from, e.g. `https://ops.example`. */
  readonly allowedOrigins: readonly string[];
}

export interface Access {
  /**
   * Whether the Host header names us. A name that anyone could point here (DNS rebinding) does not; an address does: a page that
   * came from it came from us.
   */
  allowsHost(hostHeader: string | undefined): boolean;
  /** Whether a browser page of this origin may talk to us; requests that name none do not come from a page. */
  allowsOrigin(origin: string | undefined, hostHeader: string | undefined): boolean;
}

/** True for `localhost`, 127.0.0.0/8 and ::1. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(name);
}

export function createAccess(options: AccessOptions): Access {
  const names = new Set([options.host, ...options.allowedHosts].map((name) => name.toLowerCase()));
  const origins = new Set(options.allowedOrigins.map((origin) => origin.toLowerCase()));
  const allowsHost = (header: string | undefined): boolean => {
    const url = parse(`http://${header ?? ''}`);
    if (!url || url.host === '' || url.pathname !== '/' || url.username !== '') return false;
    const name = url.hostname.replace(/^\[|\]$/g, '');
    return isLoopback(name) || isIP(name) !== 0 || names.has(name);
  };
  return {
    allowsHost,
    allowsOrigin(origin, hostHeader) {
      if (origin === undefined) return true;
      if (origins.has(origin.toLowerCase())) return true;
      const page = parse(origin);
      const us = parse(`http://${hostHeader ?? ''}`);
      if (!page || !us) return false;
      if (page.host === us.host) return true;
      // localhost and 127.0.0.1 on our port are the same page.
      return isLoopback(page.hostname) && isLoopback(us.hostname) && page.port === us.port;
    },
  };
}

/** True when the peer is this machine and no proxy says that it speaks for another. */
export function isLocalRequest({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): boolean {
  const isProxied =
    headers['x-forwarded-for'] !== undefined ||
    headers['forwarded'] !== undefined ||
    headers['x-real-ip'] !== undefined ||
    headers['via'] !== undefined;
  return !isProxied && isLoopback(socket.remoteAddress ?? '');
}

function parse(url: string): URL | null {
  return URL.canParse(url) ? new URL(url) : null;
}
