import type { OracleMinute, OracleSeries } from './oracle-forecast.ts';

interface Open {
  readonly id: string;
  readonly minutes: number[];
  hits: number;
  lastMs: number;
  publishedMs: number;
}

/** Of so many minutes of an alert it is known which they are. */
const minutesMax = 100;

/** One alert a series while its minutes are anomalies, told by event time; of an alert an entry tells the last transition. */
export class OracleMetricAlerts {
  /** `entity transition clock hits`. */
  readonly told: string[] = [];
  private readonly open = new Map<string, Open>();
  private ofEntry = new Map<string, string>();
  private clockMs = 0;

  begin(clockMs: number): void {
    this.clockMs = clockMs;
    this.ofEntry = new Map();
  }

  fold(entity: string, { isMuted }: OracleSeries, at: number, minute: OracleMinute | null): void {
    const alert = this.open.get(entity);
    if (alert && (isMuted || (!minute?.isAnomaly && at >= alert.lastMs + 600_000))) {
      this.open.delete(entity);
      this.tell(alert.id, entity, 'resolved', alert.hits);
      return;
    }
    if (!minute?.isAnomaly || isMuted) return;
    const next = alert ?? { id: `${entity} ${at}`, hits: 0, minutes: [], lastMs: at, publishedMs: at };
    next.hits += 1;
    next.minutes.push(at);
    if (next.minutes.length > minutesMax) next.minutes.shift();
    next.lastMs = at;
    this.open.set(entity, next);
    if (alert && at < alert.publishedMs + 300_000) return;
    next.publishedMs = at;
    this.tell(next.id, entity, alert ? 'updated' : 'raised', next.hits);
  }

  /** A minute was corrected: its alert may have lost its ground. */
  correct(entity: string, at: number, { isAnomaly }: OracleMinute): void {
    const alert = this.open.get(entity);
    const place = alert && !isAnomaly ? alert.minutes.indexOf(at) : -1;
    if (!alert || place < 0) return;
    alert.minutes.splice(place, 1);
    alert.hits -= 1;
    if (alert.hits > 0) return;
    this.open.delete(entity);
    this.tell(alert.id, entity, 'retracted', alert.hits);
  }

  private tell(id: string, entity: string, transition: string, hits: number): void {
    this.ofEntry.set(id, `${entity} ${transition} ${this.clockMs} ${hits}`);
  }

  end(): void {
    this.told.push(...this.ofEntry.values());
  }
}
