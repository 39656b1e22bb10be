#!/usr/bin/env -S UV_THREADPOOL_SIZE=16 node
// The `millrace` command: TypeScript through tsx, straight from the clone. The threads are for the Kafka clients, whose blocking
// calls hold one each; where you start this with `node cli/millrace.mjs`, set UV_THREADPOOL_SIZE=16 yourself.
const tsx = await import('tsx/esm/api').catch(() => null);

if (tsx === null) {
  process.stderr.write('millrace: the packages are not installed: run npm start once, or npm ci\n');
  process.exitCode = 1;
} else {
  // Started by scripts/bootstrap.mjs, which is gone when its channel closes: end as if it had asked.
  if (process.channel) {
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    process.channel.unref();
  }
  tsx.register();
  await import('./main.ts');
}
