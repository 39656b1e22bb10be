/**
 * Ends this process. `process.exit` waits for libuv's threads, and a native client that hangs in its library holds one for ever:
 * where one may (`isAnyStuck`) only SIGKILL ends it, with status 137.
 */
export function endProcess(code: number, isAnyStuck: boolean): never {
  if (isAnyStuck) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}
