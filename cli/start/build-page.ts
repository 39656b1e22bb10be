import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Logger } from '../../telemetry/logger.ts';

/** Where the built page lies: outside the sources, beside them. */
export const pageDir = fileURLToPath(new URL('../../dist/dashboard', import.meta.url));

/** Builds the page in a process of its own, so that neither its time nor its memory is the service's. A failure is only said. */
export function buildPage(logger: Logger): { stop(): void } {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const child = fork(fileURLToPath(new URL('build-page-child.ts', import.meta.url)), [pageDir], {
    execArgv: ['--import', tsx],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  child.on('exit', (code) => {
    if (code !== 0 && code !== null) logger.error({ code, said }, 'the page could not be built; everything else runs');
  });
  return { stop: () => void child.kill() };
}
