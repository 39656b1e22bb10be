import { signal } from '@preact/signals';
import type { RecommendationList } from '../events/insights.ts';
import { formatClock } from './format.ts';
import { Card, Empty, Time } from './parts.tsx';
import { RankedItems } from './recommendations-items.tsx';

/** The list over all items. */
export const allKey = 'all';

/** Rows of the table: what fits beside the inspector. */
const rowsMax = 12;

const chosenKey = signal(allKey);

/** What trends now, over all items or in one category. Everything from outside is shown as text. */
export function TrendingCard({ lists }: { readonly lists: readonly RecommendationList[] | null }) {
  const full = (lists ?? []).filter(({ items }) => items.length > 0);
  const chosen = full.find(({ key }) => key === chosenKey.value) ?? full.find(({ key }) => key === allKey);
  return (
    <Card
      id="trending"
      title="Trending now"
      span="span-7"
      aside={
        chosen && (
          <span class="soft number">
            as of <Time atMs={chosen.eventTimeMs} text={formatClock(chosen.eventTimeMs)} />
          </span>
        )
      }
    >
      {chosen ? (
        <>
          <CategoryChoice keys={full.map(({ key }) => key)} chosen={chosen.key} />
          <RankedItems label={`Trending: ${nameOf(chosen.key)}`} items={chosen.items.slice(0, rowsMax)} />
        </>
      ) : (
        <Empty title={lists === null ? 'Waiting for lists' : 'Nothing trends yet'}>
          <p>The first list comes within seconds of the first view, click, cart or purchase.</p>
        </Empty>
      )}
    </Card>
  );
}

const nameOf = (key: string): string => (key === allKey ? 'all items' : key);

function CategoryChoice({ keys, chosen }: { readonly keys: readonly string[]; readonly chosen: string }) {
  const ordered = [allKey, ...keys.filter((key) => key !== allKey).toSorted()];
  return (
    <div class="choices is-wrapped" role="group" aria-label="Category">
      {ordered.map((key) => (
        <button key={key} type="button" aria-pressed={key === chosen} onClick={() => (chosenKey.value = key)}>
          {nameOf(key)}
        </button>
      ))}
    </div>
  );
}
