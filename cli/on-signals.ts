import { endProcess } from './end-process.ts';
import { exitCodes } from './options.ts';

export interface OnSignalsOptions {
  /** Tells whether a client hangs in its library. */
  readonly drain: () => Promise<boolean>;
  /** A drain takes at most this long; then the process ends whatever it was doing. */
  readonly drainMaxMs: number;
  /** To the operator. */
  readonly say: (message: string) => void;
}

/** On SIGINT or SIGTERM drains and ends this process, with 0 where that went well; a second signal ends it at once. */
export function onSignals({ drain, drainMaxMs, say }: OnSignalsOptions): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) endProcess(exitCodes.failed, true);
    isStopping = true;
    setTimeout(() => {
      say(`not drained within ${drainMaxMs / 1_000} s: what is left is done again after the next start`);
      endProcess(exitCodes.failed, true);
    }, drainMaxMs).unref();
    void drain().then(
      (isAnyStuck) => endProcess(exitCodes.ok, isAnyStuck),
      (error: unknown) => {
        say(error instanceof Error ? error.message : String(error));
        endProcess(exitCodes.failed, false);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
