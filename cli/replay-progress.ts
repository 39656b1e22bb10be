import type { ReplayProgress, ReplayResult } from '../sources/file/replay.ts';

const barCells = 24;
const showEveryMs = 200;

export interface ProgressBar {
  show(progress: ReplayProgress): void;
  /** Takes the line away, so that something else may be printed. */
  clear(): void;
}

/** One line that is written over and over, on a terminal; silent elsewhere. */
export function createProgressBar(out: NodeJS.WriteStream, nowMs: () => number): ProgressBar {
  if (!out.isTTY) return { show: () => {}, clear: () => {} };
  const startedMs = nowMs();
  let shownMs = 0;
  return {
    show: (progress) => {
      if (nowMs() - shownMs < showEveryMs && progress.share < 1) return;
      shownMs = nowMs();
      out.write(`\r\x1b[K${progressText(progress, shownMs - startedMs)}`);
    },
    clear: () => void out.write('\r\x1b[K'),
  };
}

/** `[######------] 25 %  12,345 sent  2 bad  41,000/s  2018-04-01T00:00:31Z`. */
export function progressText({ share, sent, bad, eventTimeMs }: ReplayProgress, elapsedMs: number): string {
  const cells = Math.min(barCells, Math.round(share * barCells));
  const bar = `[${'#'.repeat(cells)}${'-'.repeat(barCells - cells)}] ${Math.floor(Math.min(1, share) * 100)} %`;
  const at = eventTimeMs === null ? '' : `  ${isoSeconds(eventTimeMs)}`;
  const rate = elapsedMs > 0 ? Math.round((sent * 1_000) / elapsedMs) : 0;
  return `${bar}  ${counted(sent)} sent${bad > 0 ? `  ${counted(bad)} bad` : ''}  ${counted(rate)}/s${at}`;
}

/** The outcome in one or two lines for a person. */
export function resultText(topic: string, result: ReplayResult): string {
  const { sent, bad, elapsedMs, firstEventTimeMs, lastEventTimeMs, isStopped } = result;
  const took = `${(elapsedMs / 1_000).toFixed(1)} s`;
  const span =
    firstEventTimeMs === null || lastEventTimeMs === null
      ? ''
      : `, event time ${isoSeconds(firstEventTimeMs)} to ${isoSeconds(lastEventTimeMs)}`;
  const badText = bad > 0 ? `\n${counted(bad)} rows were bad and not sent` : '';
  return `${isStopped ? 'stopped: ' : ''}${counted(sent)} events sent to ${topic} in ${took}${span}${badText}`;
}

const counted = (count: number): string => count.toLocaleString('en-US');
const isoSeconds = (timeMs: number): string => new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z');
