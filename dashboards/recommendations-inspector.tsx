import type { RecommendationList } from '../events/insights.ts';
import { formatClock } from './format.ts';
import { Card, Empty, Time } from './parts.tsx';
import { RankedItems } from './recommendations-items.tsx';
import { allKey } from './recommendations-trending.tsx';

interface InspectorProps {
  /** Empty: nobody is looked up. */
  readonly visitorId: string;
  readonly list: RecommendationList | 'none' | null;
  readonly trending: readonly RecommendationList[] | null;
}

/** Rows of the table: what fits beside what trends. */
const rowsMax = 10;

/** What one visitor is recommended now, and why. The address names the visitor, so that a look-up can be passed on. */
export function InspectorCard({ visitorId, list, trending }: InspectorProps) {
  const isKnown = list !== null && list !== 'none';
  return (
    <Card
      id="inspector"
      title="Inspector"
      span="span-5"
      aside={
        isKnown && (
          <span class="soft number">
            as of <Time atMs={list.eventTimeMs} text={formatClock(list.eventTimeMs)} />
          </span>
        )
      }
    >
      <form class="ask" onSubmit={lookUp} role="search">
        <label for="visitor">Visitor</label>
        {/* Keyed: another address shows its visitor in the field. */}
        <input
          key={visitorId}
          id="visitor"
          name="visitor"
          defaultValue={visitorId}
          maxLength={200}
          autocomplete="off"
          spellcheck={false}
        />
        <button type="submit">Look up</button>
      </form>
      {visitorId === '' ? <Hint /> : <Found {...{ visitorId, list, trending }} />}
    </Card>
  );
}

function lookUp(event: SubmitEvent): void {
  event.preventDefault();
  const visitor = new FormData(event.currentTarget as HTMLFormElement).get('visitor');
  const id = typeof visitor === 'string' ? visitor.trim() : '';
  location.hash = id === '' ? '#/recommendations' : `#/recommendations/${encodeURIComponent(id)}`;
}

function Hint() {
  return (
    <Empty title="Whom do you want to look over the shoulder?">
      <p>
        A visitor's id, as in <span class="mono">userId</span> of the interactions; in the demo shop{' '}
        <a href="#/recommendations/user-7">user-7</a>.
      </p>
    </Empty>
  );
}

function Found({ visitorId, list, trending }: InspectorProps) {
  if (list === null) return <Empty title={`Looking for ${visitorId}`} />;
  if (list !== 'none') {
    if (list.items.length === 0) return <Empty title={`Nothing is left to recommend to ${visitorId}`} />;
    return <RankedItems label={`Recommended to ${visitorId}`} items={list.items.slice(0, rowsMax)} />;
  }
  const all = trending?.find(({ key }) => key === allKey)?.items ?? [];
  return (
    <>
      <p class="soft note" role="status">
        Nothing is known of <b>{visitorId}</b> so far: what trends is what a new visitor is shown.
      </p>
      <RankedItems
        label={`Shown to ${visitorId}`}
        items={all.slice(0, rowsMax).map((item) => ({ ...item, from: 'trending' }))}
      />
    </>
  );
}
