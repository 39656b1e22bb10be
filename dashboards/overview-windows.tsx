import { signal } from '@preact/signals';
import { Badge, Card, Empty, StateBadge, Time } from './parts.tsx';
import { formatClock, formatCount, formatCountry, formatMinute, formatMoney } from './format.ts';
import { rowsToShow, stateFilters, type StateFilter } from './rows-to-show.ts';
import type { RevenueRow } from './revenue-row.ts';

/** Which rows the table shows. */
const chosenState = signal<StateFilter>('all');

/** The last windows by country, the newest first, with the state of each and the watermark that it was published at. */
export function WindowsTable({ rows: all }: { readonly rows: readonly RevenueRow[] }) {
  const rows = rowsToShow(all, chosenState.value);
  return (
    <Card id="windows" title="Last windows" span="span-8" aside={<StateChoice />}>
      {rows.length === 0 && all.length > 0 ? (
        <Empty title={`No ${chosenState.value} window in the last hour`} />
      ) : rows.length === 0 ? (
        <Empty title="Waiting for the first window">
          <p>Provisional rows come within seconds of the first payment; a window closes after about 1 minute.</p>
        </Empty>
      ) : (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls sideways on a phone, by keyboard too
        <div class="table-wrap" tabIndex={0} role="group" aria-label="Windows by country">
          <table>
            <thead>
              <tr>
                <th scope="col">Window</th>
                <th scope="col">Country</th>
                <th scope="col">State</th>
                <th scope="col" class="end">
                  Payments
                </th>
                <th scope="col" class="end">
                  Revenue
                </th>
                <th scope="col" class="end">
                  Mean
                </th>
                <th scope="col" class="end">
                  Revision
                </th>
                <th scope="col" class="end">
                  Watermark
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <WindowRow key={row.identity} row={row} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function StateChoice() {
  return (
    <div class="choices" role="group" aria-label="State">
      {stateFilters.map((state) => (
        <button
          key={state}
          type="button"
          aria-pressed={state === chosenState.value}
          onClick={() => (chosenState.value = state)}
        >
          {state}
        </button>
      ))}
    </div>
  );
}

function WindowRow({ row }: { readonly row: RevenueRow }) {
  return (
    <tr>
      <td class="number">
        <Time atMs={row.windowStartMs} text={formatMinute(row.windowStartMs)} />
      </td>
      <td class="wrap">{formatCountry(row.country)}</td>
      <td>
        <StateBadge state={row.state} />
        {row.isComplete ? null : <Badge tone="bad">incomplete</Badge>}
      </td>
      <td class="number end">{formatCount(row.count)}</td>
      <td class="number end">{formatMoney(row.sumMinor, row.currency)}</td>
      <td class="number end">{formatMoney(row.meanMinor, row.currency)}</td>
      <td class="number end" title={`epoch and order offset of revision ${row.revision}`}>
        {shortRevision(row.revision)}
      </td>
      <td class="number end">
        <Time atMs={row.watermarkMs} text={formatClock(row.watermarkMs)} />
      </td>
    </tr>
  );
}

/** `2·1043` for epoch 2, order offset 1043: `revision = epoch << 48 | order offset`. */
function shortRevision(revision: string): string {
  const bits = BigInt(revision);
  return `${bits >> 48n}·${bits & 0xffff_ffff_ffffn}`;
}
