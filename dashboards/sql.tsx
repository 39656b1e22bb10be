import { Empty } from './parts.tsx';

/** SQL. */
export function SqlPage() {
  return (
    <>
      <div class="page-head">
        <h1>SQL</h1>
      </div>
      <Empty title="Nothing to ask yet" />
    </>
  );
}
