import { signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { Badge, Card, Empty, StateBadge } from './parts.tsx';
import { formatCountry, formatMinute, formatMoney } from './format.ts';
import { RevenueChart } from './revenue-chart.tsx';
import { categoryOf } from './revenue-draw.ts';
import type { RevenueRow } from './revenue-row.ts';
import { otherCountries, stackRevenue, type RevenueStack } from './revenue-stack.ts';
import type { MissingSpan } from './window-rows.ts';

const chosenCurrency = signal<string | null>(null);
const selectedStartMs = signal<number | null>(null);

/** How many countries have a colour of their own. */
const namedMax = 6;

/** Revenue by country over time, with the numbers of one window under it. */
export function RevenueCard(props: {
  readonly rows: readonly RevenueRow[];
  /** The largest first. */
  readonly currencies: readonly string[];
  readonly missing: readonly MissingSpan[];
}) {
  const order = useRef<readonly string[]>([]);
  const currency = props.currencies.find((known) => known === chosenCurrency.value) ?? props.currencies[0];
  const aside =
    props.currencies.length > 1 ? <CurrencyChoice currencies={props.currencies} chosen={currency} /> : <MinuteNote />;
  if (currency === undefined)
    return (
      <Card id="revenue" title="Revenue by country" span="span-12" aside={<MinuteNote />}>
        <Empty title="Waiting for the first window, about 1 minute">
          <p>The minute that is still open shows up first, shaded as provisional.</p>
        </Empty>
      </Card>
    );
  const stack = stackRevenue({ rows: props.rows, currency, namedMax, order: order.current });
  order.current = stack.countries;
  return (
    <Card id="revenue" title="Revenue by country" span="span-12" aside={aside}>
      <RevenueChart
        stack={stack}
        missing={props.missing}
        selectedStartMs={selectedStartMs.value}
        onSelect={(startMs) => (selectedStartMs.value = startMs)}
      />
      <Legend stack={stack} hasMissing={props.missing.length > 0} />
    </Card>
  );
}

function MinuteNote() {
  return <span class="soft">1 minute windows, event time</span>;
}

function CurrencyChoice(props: { readonly currencies: readonly string[]; readonly chosen: string | undefined }) {
  return (
    <div class="choices" role="group" aria-label="Currency">
      {props.currencies.slice(0, 6).map((currency) => (
        <button
          key={currency}
          type="button"
          aria-pressed={currency === props.chosen}
          onClick={() => (chosenCurrency.value = currency)}
        >
          {currency || 'no currency'}
        </button>
      ))}
    </div>
  );
}

/** The chosen window in numbers (the newest, when none is chosen), and what the marks mean. */
function Legend({ stack, hasMissing }: { readonly stack: RevenueStack; readonly hasMissing: boolean }) {
  const window = stack.windows.find((one) => one.startMs === selectedStartMs.value) ?? stack.windows.at(-1);
  if (!window) return null;
  return (
    <>
      <p class="legend-head">
        <b class="number">
          {formatMinute(window.startMs)}–{formatMinute(window.endMs)}
        </b>
        <StateBadge state={window.state} />
        {window.isComplete ? null : <Badge tone="bad">incomplete</Badge>}
        <b class="number">{formatMoney(window.totalMinor, stack.currency)}</b>
      </p>
      <ul class="legend" aria-label={`Countries, window ${formatMinute(window.startMs)}`}>
        {window.parts.map((part, place) => (
          <li key={part.country}>
            <span class={`swatch ${categoryOf(part.country, place)}`} aria-hidden="true" />
            <span class="wrap">{part.country === otherCountries ? 'others' : formatCountry(part.country)}</span>
            <b>{formatMoney(part.sumMinor, stack.currency)}</b>
          </li>
        ))}
      </ul>
      <ul class="legend is-marks soft" aria-label="Marks">
        <li>
          <span class="swatch is-provisional" aria-hidden="true" /> provisional: still open, will change
        </li>
        <li>
          <span class="swatch is-corrected" aria-hidden="true" /> corrected after it was final
        </li>
        {hasMissing ? (
          <li>
            <span class="swatch is-gap" aria-hidden="true" /> not received
          </li>
        ) : null}
      </ul>
    </>
  );
}
