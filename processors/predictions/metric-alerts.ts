// Alerts on series: one while minutes keep being anomalies, by event time.
// Guarantees: raised with the first such minute, in the entry that closes it; updated at most every five minutes; resolved after ten
// without one, or when its detector mutes itself; retracted when corrections left none of its minutes. One transition an entry at most.
// Redelivery: the same minutes give the same transitions.
import { minorDigitsOf } from '../../events/currency.ts';
import type { Alert } from '../../events/decisions.ts';
import { murmur128 } from '../../streams/murmur.ts';
import type { ClosedMinute, Series, SeriesName } from './series.ts';

/** What leaves: an alert without its producer's position. */
export type AlertBody = Omit<Alert, 'pipeline' | 'version' | 'revision' | 'producer'>;

interface OpenAlert {
  readonly alertId: string;
  readonly name: SeriesName;
  severity: Alert['severity'];
  title: string;
  reason: string;
  score: number;
  /** Its newest anomalies, in order. */
  minutes: number[];
  hits: number;
  readonly firstMs: number;
  lastMs: number;
  publishedMs: number;
}

const minuteMs = 60_000;
const updateEveryMs = 5 * minuteMs;
const coolDownMs = 10 * minuteMs;
const minutesMax = 100;
/** Scores from which an alert is medium and high, in limits. */
const mediumFrom = 1.5;
const highFrom = 2.5;

export class MetricAlerts {
  private readonly limit: number;
  /** By series. */
  private readonly open = new Map<string, OpenAlert>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** A minute of a series has closed; null: without a value. */
  fold({ name, detector }: Series, targetMs: number, minute: ClosedMinute | null, clockMs: number): AlertBody | null {
    const entity = entityOf(name);
    const alert = this.open.get(entity);
    if (alert && detector.isMuted) {
      this.open.delete(entity);
      const reason = `muted: ${detector.alarmsOfDay} alarms in a day`;
      return bodyOf({ ...alert, reason }, 'resolved', clockMs);
    }
    if (minute?.isAnomaly && !detector.isMuted) return this.hit(alert, name, minute, clockMs);
    if (!alert || targetMs < alert.lastMs + coolDownMs) return null;
    this.open.delete(entity);
    return bodyOf(alert, 'resolved', clockMs);
  }

  /** A closed minute was corrected: it may be no anomaly any more. */
  correct({ name }: Series, { targetMs, isAnomaly }: ClosedMinute, clockMs: number): AlertBody | null {
    const entity = entityOf(name);
    const alert = this.open.get(entity);
    const place = alert && !isAnomaly ? alert.minutes.indexOf(targetMs) : -1;
    if (!alert || place < 0) return null;
    alert.minutes.splice(place, 1);
    alert.hits -= 1;
    if (alert.hits > 0) return null;
    this.open.delete(entity);
    return bodyOf(alert, 'retracted', clockMs);
  }

  private hit(known: OpenAlert | undefined, name: SeriesName, minute: ClosedMinute, clockMs: number): AlertBody | null {
    const { targetMs, score } = minute;
    const alert = known ?? newAlert(name, targetMs);
    if (!known) this.open.set(entityOf(name), alert);
    alert.hits += 1;
    alert.minutes.push(targetMs);
    if (alert.minutes.length > minutesMax) alert.minutes.shift();
    alert.lastMs = targetMs;
    if (score > alert.score) Object.assign(alert, { score, severity: this.severityOf(score) });
    alert.title = titleOf(name, minute);
    alert.reason = reasonOf(name, minute);
    if (known && targetMs < alert.publishedMs + updateEveryMs) return null;
    alert.publishedMs = targetMs;
    return bodyOf(alert, known ? 'updated' : 'raised', clockMs);
  }

  private severityOf(score: number): Alert['severity'] {
    if (score >= highFrom * this.limit) return 'high';
    return score >= mediumFrom * this.limit ? 'medium' : 'low';
  }

  size(): number {
    return this.open.size;
  }

  snapshot(): unknown {
    return [...this.open.values()].map((alert) => ({ ...alert, minutes: [...alert.minutes] }));
  }

  restore(state: unknown): void {
    for (const alert of state as readonly OpenAlert[]) this.open.set(entityOf(alert.name), alert);
  }
}

const entityOf = ({ metric, key }: SeriesName): string => `${metric}/${key}`;

function newAlert(name: SeriesName, targetMs: number): OpenAlert {
  return {
    ...{ alertId: alertIdOf(`metric/${entityOf(name)}/${targetMs}`), name, severity: 'low', title: '', reason: '' },
    ...{ score: 0, minutes: [], hits: 0, firstMs: targetMs, lastMs: targetMs, publishedMs: targetMs },
  };
}

function bodyOf(alert: OpenAlert, transition: Alert['transition'], clockMs: number): AlertBody {
  const { alertId, name, severity, title, reason, hits, firstMs, lastMs } = alert;
  const entityId = entityOf(name);
  return {
    ...{ kind: 'alert', alertId, transition, entityType: 'metric', entityId, fingerprint: `metric/${entityId}` },
    ...{ severity, title, reasons: [reason], hits, firstEventTimeMs: firstMs, lastEventTimeMs: lastMs },
    ...{ paymentId: null, decisionPaymentIds: [], clockMs },
  };
}

const titleOf = (name: SeriesName, { actual, forecast }: ClosedMinute): string =>
  `${name.metric.replace('_', ' ')} ${name.key}: ${shown(name, actual)} instead of ${shown(name, forecast)}`;

const reasonOf = (name: SeriesName, { targetMs, low, high, score }: ClosedMinute): string =>
  `the minute ${new Date(targetMs).toISOString().slice(0, 16)}Z was expected within ${shown(name, low)} – ${shown(name, high)}; score ${score.toFixed(1)}`;

/** A value for a person: money in major units, a rate in per cent. */
function shown({ metric, key }: SeriesName, value: number): string {
  switch (metric) {
    case 'revenue': {
      const currency = key.slice(key.lastIndexOf('/') + 1);
      const digits = minorDigitsOf(currency);
      return `${(value / 10 ** digits).toFixed(digits)} ${currency}`;
    }
    case 'volume':
      return String(Math.round(value));
    case 'decline_rate':
      return `${(value * 100).toFixed(1)} %`;
  }
}

/** 32 hex digits: the same series and first minute give the same alert. */
function alertIdOf(text: string): string {
  const words = new Int32Array(4);
  murmur128(text, new Int32Array(4), words);
  return Array.from(words, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}
