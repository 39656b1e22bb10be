import { connection } from './model.ts';
import { trending, visitorId, visitorList } from './recommendations-feed.ts';
import { InspectorCard } from './recommendations-inspector.tsx';
import { TrendingCard } from './recommendations-trending.tsx';

/** What trends now, by category, and what one visitor is recommended and why. */
export function RecommendationsPage() {
  return (
    <>
      <div class="page-head">
        <h1>Recommendations</h1>
        <p>
          {connection.value.phase === 'connecting'
            ? 'Connecting to millrace …'
            : 'Times are event times, in your time zone'}
        </p>
      </div>
      <div class="grid">
        <TrendingCard lists={trending.value} />
        <InspectorCard visitorId={visitorId.value} list={visitorList.value} trending={trending.value} />
      </div>
    </>
  );
}
