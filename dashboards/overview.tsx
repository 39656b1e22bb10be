import { useComputed } from '@preact/signals';
import {
  alerts,
  behindHistory,
  connection,
  decisions,
  missingSpans,
  problems,
  rateHistory,
  system,
  windows,
} from './model.ts';
import { AlertsCard } from './overview-alerts.tsx';
import { RateCard, PaymentsCard, RevenueNowCard, WatermarkCard } from './overview-kpis.tsx';
import { ProblemsCard } from './overview-problems.tsx';
import { RevenueCard } from './overview-revenue.tsx';
import { WindowsTable } from './overview-windows.tsx';
import { OutcomesCard } from './outcomes.tsx';
import { minuteNow } from './revenue-now.ts';
import { countryMinuteOutput, currenciesOf, revenueRows } from './revenue-row.ts';
import { revenuePipeline } from './system-facts.ts';

/** What is happening now: rates, revenue, windows, and what was set aside. */
export function OverviewPage() {
  const view = useComputed(() => {
    const rows = revenueRows(windows.value);
    const currencies = currenciesOf(rows);
    return { rows, currencies, now: minuteNow(rows, currencies) };
  }).value;
  const status = system.value;
  const missing = missingSpans.value.filter((span) => span.output === countryMinuteOutput);
  return (
    <>
      <div class="page-head">
        <h1>Overview</h1>
        <p>
          {connection.value.phase === 'connecting'
            ? 'Connecting to millrace …'
            : 'Times are event times, in your time zone'}
        </p>
      </div>
      <div class="grid">
        <RateCard system={status} points={rateHistory.value} />
        <PaymentsCard now={view.now} />
        <RevenueNowCard now={view.now} />
        <WatermarkCard system={status} pipeline={revenuePipeline(status)} points={behindHistory.value} />
        <AlertsCard alerts={alerts.value} />
        <OutcomesCard counts={decisions.value.counts} span="span-5" />
        <RevenueCard rows={view.rows} currencies={view.currencies} missing={missing} />
        <WindowsTable rows={view.rows} />
        <ProblemsCard totals={status?.totals ?? null} rows={problems.value} />
      </div>
    </>
  );
}
