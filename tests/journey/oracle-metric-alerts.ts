import type { OracleMinute, OracleSeries } from './oracle-forecast.ts';

/** One alert a series while its minutes are anomalies, told by event time; of an alert an entry tells the last transition. */
export class OracleMetricAlerts {
  /** `entity transition clock hits`. */
  readonly told: string[] = [];
  private readonly open = new Map<string, { id: string; hits: number; lastMs: number; publishedMs: number }>();
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
    const next = alert ?? { id: `${entity} ${at}`, hits: 0, lastMs: at, publishedMs: at };
    next.hits += 1;
    next.lastMs = at;
    this.open.set(entity, next);
    if (alert && at < alert.publishedMs + 300_000) return;
    next.publishedMs = at;
    this.tell(next.id, entity, alert ? 'updated' : 'raised', next.hits);
  }

  private tell(id: string, entity: string, transition: string, hits: number): void {
    this.ofEntry.set(id, `${entity} ${transition} ${this.clockMs} ${hits}`);
  }

  end(): void {
    this.told.push(...this.ofEntry.values());
  }
}
