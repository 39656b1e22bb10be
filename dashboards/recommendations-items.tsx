import type { RankedItem, RecommendationList } from '../events/insights.ts';
import { formatScore } from './format.ts';
import { Badge, type Tone } from './parts.tsx';

const tones: Record<RecommendationList['list'], Tone> = { personal: 'good', co_visited: 'note', trending: 'open' };
const names: Record<RecommendationList['list'], string> = {
  personal: 'personal',
  co_visited: 'co-visited',
  trending: 'trending',
};

/** Items of a list, the best first, each with its reason; where each was found, if the items say so. */
export function RankedItems({ label, items }: { readonly label: string; readonly items: readonly RankedItem[] }) {
  const hasFrom = items.some(({ from }) => from !== undefined);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls sideways on a phone, by keyboard too
    <div class="table-wrap" tabIndex={0} role="group" aria-label={label}>
      <table>
        <thead>
          <tr>
            <th scope="col" class="end">
              Rank
            </th>
            <th scope="col">Item</th>
            {hasFrom ? <th scope="col">Found by</th> : null}
            <th scope="col">Why</th>
            <th scope="col" class="end">
              Score
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map(({ itemId, from, reason, score }, place) => (
            <tr key={itemId} data-item={itemId}>
              <td class="number end">{place + 1}</td>
              <th scope="row" class="wrap">
                {itemId}
              </th>
              {hasFrom ? <td>{from ? <Badge tone={tones[from]}>{names[from]}</Badge> : null}</td> : null}
              <td class="wrap">{reason}</td>
              <td class="number end">{formatScore(score)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
