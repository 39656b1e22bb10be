import { Empty } from './parts.tsx';

/** Recommendations. */
export function RecommendationsPage() {
  return (
    <>
      <div class="page-head">
        <h1>Recommendations</h1>
      </div>
      <Empty title="Nothing recommended so far" />
    </>
  );
}
