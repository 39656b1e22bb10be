import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

const starting = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="1"><title>millrace is starting</title></head>
<body><p>millrace is starting: the page is being built.</p></body>
</html>
`;

/**
 * The page from its built folder, which may appear, or be replaced, while we run: until there is an `index.html`, `/` answers a
 * page that asks again each second.
 */
export async function page(app: FastifyInstance, folder: string): Promise<void> {
  const root = resolve(folder);
  await app.register(fastifyStatic, {
    root,
    prefix: '/',
    index: false,
    // Names in assets/ hold a hash of what is in them; the rest is asked for each time.
    cacheControl: false,
    setHeaders: (reply, path) => {
      const isHashed = path.startsWith(join(root, 'assets'));
      reply.setHeader('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  app.get('/', { schema: { hide: true } }, (_request, reply) => {
    if (existsSync(join(root, 'index.html'))) return reply.sendFile('index.html');
    return reply.header('cache-control', 'no-store').header('retry-after', '1').type('text/html').send(starting);
  });
}
