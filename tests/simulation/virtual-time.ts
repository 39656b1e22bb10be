import FlatQueue from 'flatqueue';
import type { Clock } from '../../telemetry/clock.ts';

/** Time that only moves when nothing is left to do: the same seed always gives the same run. */
export interface VirtualTime {
  nowMs(): number;
  at(timeMs: number, run: () => void): void;
  /** Runs what is due until `isOver` or `untilMs`. */
  runUntil(untilMs: number, isOver: () => boolean): Promise<void>;
}

export function createVirtualTime(startMs: number): VirtualTime {
  const queue = new FlatQueue<() => void>();
  let nowMs = startMs;
  let sequence = 0;
  return {
    nowMs: () => nowMs,
    at(timeMs, run) {
      queue.push(run, Math.max(nowMs, Math.ceil(timeMs)) + sequence++ / 1e9);
    },
    async runUntil(untilMs, isOver) {
      while (!isOver()) {
        await settled();
        const dueMs = Math.floor(queue.peekValue() ?? Infinity);
        if (dueMs > untilMs) {
          nowMs = Math.max(nowMs, untilMs);
          break;
        }
        nowMs = Math.max(nowMs, dueMs);
        while (Math.floor(queue.peekValue() ?? Infinity) <= nowMs) queue.pop()?.();
      }
    },
  };
}

/** Everything that only promises can do is done. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One process of the simulation: crashed, nothing of it runs again; paused, all of it runs later. */
export interface SimProcess {
  readonly name: string;
  readonly clock: Clock;
  isUp(): boolean;
  crash(): void;
  pause(ms: number): void;
  /** Moves its clock; true when it goes back. */
  skew(ms: number): boolean;
  /** Runs inside the process after `ms`, unless it has crashed. */
  after(ms: number, run: () => void): void;
}

export function createSimProcess(time: VirtualTime, name: string): SimProcess {
  let isUp = true;
  let pausedUntilMs = 0;
  let skewMs = 0;
  const at = (timeMs: number, run: () => void): void =>
    time.at(timeMs, () => {
      if (!isUp) return;
      if (time.nowMs() < pausedUntilMs) at(pausedUntilMs, run);
      else run();
    });
  const after = (ms: number, run: () => void): void => at(time.nowMs() + Math.max(0, ms), run);
  return {
    name,
    after,
    isUp: () => isUp,
    crash: () => (isUp = false),
    pause: (ms) => (pausedUntilMs = time.nowMs() + ms),
    skew(ms) {
      const isBack = ms < skewMs;
      skewMs = ms;
      return isBack;
    },
    clock: {
      nowMs: () => time.nowMs() + skewMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve();
          const done = (): void => {
            signal?.removeEventListener('abort', done);
            resolve();
          };
          signal?.addEventListener('abort', done, { once: true });
          after(Math.max(1, ms), done);
        }),
    },
  };
}

/** Mulberry32: small, seeded, good enough to find trouble. */
export function createRandom(seed: number): () => number {
  let s = seed | 0;
  return () => {
    s = (s + 0x6d2b79f5) | 0;
    let t = Math.imul(s ^ (s >>> 15), 1 | s);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
