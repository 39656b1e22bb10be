import type { Decision } from '../events/decisions.ts';
import { featureTables, type FeatureRow } from './feature-tables.ts';
import { formatMoney, noValue } from './format.ts';
import { Card } from './parts.tsx';

type Value = Decision['features'][string];

/** Every feature as the rules saw it: by card, device and terminal over the windows, then the others. */
export function FeaturesCard({ decision: { features, currency } }: { readonly decision: Decision }) {
  const { entities, windows, others } = featureTables(features);
  return (
    <Card
      id="features"
      title="Features"
      span="span-12"
      aside={<span class="soft">as of this payment, itself included</span>}
    >
      <div class="feature-tables">
        {entities.map(({ entity, rows }) => (
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls sideways on a phone, by keyboard too
          <div key={entity} class="table-wrap" tabIndex={0} role="group" aria-label={`Features of the ${entity}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{entity}</th>
                  {windows.map((window) => (
                    <th key={window} scope="col" class="end">
                      {window}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={row.stat}>
                    <th scope="row">{row.stat.replace('_minor', '')}</th>
                    {windows.map((window) => (
                      <td key={window} class="number end" data-feature={row.names[window]}>
                        {shown(row, row.values[window], currency)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ))}
        <dl class="facts">
          {others.map(([name, value]) => (
            <>
              <dt>{name.replaceAll('_', ' ')}</dt>
              <dd data-feature={name}>{plain(value)}</dd>
            </>
          ))}
        </dl>
      </div>
    </Card>
  );
}

function shown({ stat }: FeatureRow, value: Value | undefined, currency: string): string {
  if (stat.endsWith('_minor') && typeof value === 'number') return formatMoney(value, currency);
  return plain(value);
}

/** Two decimals are what a person reads; the decision keeps them all. */
function plain(value: Value | undefined): string {
  if (value === null || value === undefined) return noValue;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(Math.round(value * 100) / 100);
}
