import { Empty } from './parts.tsx';

/** Predictions. */
export function PredictionsPage() {
  return (
    <>
      <div class="page-head">
        <h1>Predictions</h1>
      </div>
      <Empty title="No forecast so far" />
    </>
  );
}
