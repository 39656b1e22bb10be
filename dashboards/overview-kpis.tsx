import { Card, StateBadge, Time } from './parts.tsx';
import { formatClock, formatCount, formatDuration, formatMinute, formatMoney, formatRate, noValue } from './format.ts';
import type { PipelineLine, SystemStatus } from '../live/system-status.ts';
import type { HistoryPoint } from './history.ts';
import { lagRecords } from './system-facts.ts';
import type { MinuteNow } from './revenue-now.ts';
import { Sparkline } from './sparkline.tsx';

/** Lines of statuses and of minutes are at least this wide. */
const statusSpanMsMin = 60_000;
const minutesSpanMsMin = 15 * 60_000;

/** Events per second, now and over the last minutes. */
export function RateCard({
  system,
  points,
}: {
  readonly system: SystemStatus | null;
  readonly points: readonly HistoryPoint[];
}) {
  return (
    <Card id="rate" title="Events per second" span="span-3" isKpi>
      <p class="big" data-kpi="rate">
        {system ? formatRate(system.eventsPerSecond) : noValue}
      </p>
      <Sparkline name="Events per second" points={points} format={formatRate} spanMsMin={statusSpanMsMin} />
      <p class="soft foot">{system ? `${formatCount(system.totals.events)} in all` : 'waiting for the first status'}</p>
    </Card>
  );
}

/** Payments of the last closed minute, and of the one that is still open. */
export function PaymentsCard({ now }: { readonly now: MinuteNow }) {
  const isOpenOnly = now.closedCount === null && now.openCount !== null;
  return (
    <Card id="payments" title="Payments per minute" span="span-3" isKpi>
      <p class="big" data-kpi="payments">
        {formatCount(now.closedCount ?? now.openCount ?? undefined)}
        {isOpenOnly ? <small>so far</small> : null}
      </p>
      <p class="soft">
        {now.closedStartMs === null
          ? isOpenOnly
            ? 'the first minute is still open'
            : 'waiting for the first window'
          : `minute ${formatMinute(now.closedStartMs)}, closed`}
      </p>
      <Sparkline
        name="Payments per closed minute"
        points={now.closed}
        format={formatCount}
        spanMsMin={minutesSpanMsMin}
      />
      {now.openStartMs === null ? null : (
        <p class="soft foot split">
          <StateBadge state="provisional" />
          <span class="number">
            {formatCount(now.openCount ?? 0)} since {formatMinute(now.openStartMs)}
          </span>
        </p>
      )}
    </Card>
  );
}

/** Revenue by currency: the open minute beside the last closed one. */
export function RevenueNowCard({ now }: { readonly now: MinuteNow }) {
  return (
    <Card id="revenue-now" title="Revenue now" span="span-3" isKpi>
      {now.currencies.length === 0 ? (
        <p class="big">{noValue}</p>
      ) : (
        <table class="compact">
          <thead>
            <tr>
              <th scope="col">
                <span class="visually-hidden">Currency</span>
              </th>
              <th scope="col" class="end">
                open minute
              </th>
              <th scope="col" class="end">
                last closed
              </th>
            </tr>
          </thead>
          <tbody>
            {now.currencies.slice(0, 4).map((one) => (
              <tr key={one.currency}>
                <th scope="row">{one.currency || 'none'}</th>
                <td class="number end is-provisional">{money(one.openSumMinor, one.currency)}</td>
                <td class="number end">{money(one.closedSumMinor, one.currency)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

const money = (sumMinor: number | null, currency: string): string =>
  sumMinor === null ? noValue : formatMoney(sumMinor, currency);

/** How far event time has come, and how far that is behind the server's clock. */
export function WatermarkCard(props: {
  readonly system: SystemStatus | null;
  readonly pipeline: PipelineLine | null;
  /** How far behind it was, in ms. */
  readonly points: readonly HistoryPoint[];
}) {
  const { system, pipeline, points } = props;
  const watermarkMs = pipeline?.watermarkMs ?? null;
  return (
    <Card id="watermark" title="Watermark" span="span-3" isKpi>
      <p class="big" data-kpi="watermark">
        {watermarkMs === null ? noValue : <Time atMs={watermarkMs} text={formatClock(watermarkMs)} />}
      </p>
      <p class="soft" data-kpi="behind">
        {watermarkMs === null || system === null
          ? 'moves with the first events'
          : `${formatDuration(Math.max(0, system.clockMs - watermarkMs))} behind the clock`}
      </p>
      <Sparkline
        name="Watermark behind the clock"
        points={points}
        format={formatDuration}
        spanMsMin={statusSpanMsMin}
      />
      <p class="soft foot split">
        <span>not yet read</span>
        <span class="number" data-kpi="lag">
          {system ? `${formatCount(lagRecords(system))} records` : noValue}
        </span>
      </p>
    </Card>
  );
}
