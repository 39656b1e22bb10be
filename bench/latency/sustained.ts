// The rate that is sustained: not what a burst reaches, but the highest of some rates at which, in an open loop, no queue grows anywhere. They
// rise: what a rate above leaves behind would be counted as growth at all below it.
import type { AtRate } from './latency.ts';
import { rounded } from '../meter.ts';

/** One rate as it was tried. */
export interface Tried {
  readonly perSecond: number;
  /** Why it is not sustained; null: it is. */
  readonly because: string | null;
}

const firstPerSecond = 400;
const step = 1.3;
const triesMax = 12;
const stepsDownMax = 4;
/** More than a second of decisions in line when the last payment is due is a queue, and so is a median of a second to be told of an alert. */
const behindMaxS = 1;
/** Two seconds after the last payment ClickHouse, which is written in batches of a second, may lack as much again; the other pipelines too. */
const lagMaxS = 2;
const growthMax = 1.5;
const growthSlackMs = 100;
/** Of the alerts that are measured, who reads may lack one that came while it stopped. */
const heardShareMin = 0.98;

/** Gives the last rate before the first that is not sustained; where the first is none, half of it. */
export async function findSustained(
  tryAt: (perSecond: number) => Promise<Pick<AtRate, 'because'>>,
): Promise<{ readonly perSecond: number; readonly tried: readonly Tried[] }> {
  const tried: Tried[] = [];
  let perSecond = firstPerSecond / 2;
  for (let next = firstPerSecond; tried.length < triesMax; next = Math.round(next * step)) {
    const { because } = await tryAt(next);
    tried.push({ perSecond: next, because });
    if (because !== null) break;
    perSecond = next;
  }
  return { perSecond, tried };
}

/**
 * Half and four fifths of a rate, for longer than it was tried: where one of them does not hold, what was tried was a burst, and the rate is
 * a fifth lower, at most `stepsDownMax` times. `isFixed`: the rate is not ours to choose.
 */
export async function holding<T extends Pick<AtRate, 'because'>>(
  perSecond: number,
  isFixed: boolean,
  at: (perSecond: number) => Promise<T>,
): Promise<{ readonly perSecond: number; readonly half: T; readonly fourFifths: T }> {
  for (let rate = perSecond, stepsLeft = isFixed ? 0 : stepsDownMax; ; rate = Math.round(0.8 * rate), stepsLeft--) {
    const [half, fourFifths] = [await at(Math.round(0.5 * rate)), await at(Math.round(0.8 * rate))];
    if (stepsLeft === 0 || (half.because === null && fourFifths.because === null))
      return { perSecond: rate, half, fourFifths };
  }
}

/** What grows at this rate; null: nothing. */
export function whyNot(at: Omit<AtRate, 'because' | 'usage'>): string | null {
  const { perSecond, behind, firstThirdMs, lastThirdMs, alerts, webhook, browser, lagRecords } = at;
  if (behind > behindMaxS * perSecond) return `${behind} payments were not decided when the last one was due`;
  if (lastThirdMs > growthMax * firstThirdMs + growthSlackMs)
    return `a decision took ${rounded(firstThirdMs)} ms at first and ${rounded(lastThirdMs)} ms at last (p50)`;
  const missing = Object.entries({ webhook, browser }).find(([, { count }]) => count < heardShareMin * alerts);
  if (missing) return `${missing[0]}: ${missing[1].count} of ${alerts} alerts`;
  const slow = Object.entries({ webhook, browser }).find(([, { p50Ms }]) => p50Ms > behindMaxS * 1_000);
  if (slow) return `${slow[0]}: ${rounded(slow[1].p50Ms)} ms (p50)`;
  const behindMost = Object.entries(lagRecords).find(([, records]) => records > lagMaxS * perSecond);
  return behindMost ? `${behindMost[0]} is ${behindMost[1]} records behind` : null;
}
