import { useState } from 'preact/hooks';
import { textOf, toCsv } from './csv.ts';
import { formatCount } from './format.ts';
import { Card, Empty } from './parts.tsx';
import { sqlRun, type SqlProblem, type SqlTable } from './sql-run.ts';

/** Rows that are drawn; CSV has all. */
const drawnMax = 1_000;

/** What the last question gave: a table, or why there is none. */
export function ResultCard() {
  const run = sqlRun.value;
  return (
    <Card id="result" title="Result" span="span-12" aside={run.kind === 'table' ? <Aside table={run.table} /> : null}>
      <div role="status" aria-live="polite" class="visually-hidden">
        {run.kind === 'table' ? `${run.table.rows.length} rows` : run.kind === 'problem' ? run.problem.message : ''}
      </div>
      {run.kind === 'table' ? (
        <Table table={run.table} />
      ) : run.kind === 'problem' ? (
        <Problem problem={run.problem} sql={run.sql} />
      ) : (
        <Empty title={run.kind === 'running' ? 'Asking …' : 'Nothing asked so far'} />
      )}
    </Card>
  );
}

function Aside({ table }: { readonly table: SqlTable }) {
  const { columns, rows, isTruncated, elapsedMs, rowsRead } = table;
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    const csv = toCsv(
      columns.map(({ name }) => name),
      rows,
    );
    await copyText(csv);
    setCopied(true);
  };
  return (
    <span class="sql-bar">
      <span class="soft number">
        {formatCount(rows.length)}
        {isTruncated ? ' rows, and more' : rows.length === 1 ? ' row' : ' rows'} in {formatCount(elapsedMs)} ms,{' '}
        {formatCount(rowsRead)} read
      </span>
      <button type="button" class="button" onClick={() => void copy()}>
        {isCopied ? 'Copied' : 'Copy CSV'}
      </button>
    </span>
  );
}

/** The clipboard is only there on pages that came safely; the old way works on the others. */
async function copyText(text: string): Promise<void> {
  const written = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  if (written) return;
  const holder = document.createElement('textarea');
  holder.value = text;
  document.body.append(holder);
  holder.select();
  document.execCommand('copy');
  holder.remove();
}

const isNumeric = (type: string): boolean => /^(?:Nullable\()?(?:U?Int|Float|Decimal)/.test(type);

function Table({ table: { columns, rows } }: { readonly table: SqlTable }) {
  if (rows.length === 0) return <Empty title="No row" />;
  return (
    <>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls, by keyboard too */}
      <div class="table-wrap result" tabIndex={0} role="group" aria-label="Rows of the result">
        <table>
          <thead>
            <tr>
              {columns.map(({ name, type }, at) => (
                // oxlint-disable-next-line react/no-array-index-key -- two columns may have one name
                <th key={at} scope="col" class={isNumeric(type) ? 'end' : undefined} title={type}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, drawnMax).map((row, place) => (
              // oxlint-disable-next-line react/no-array-index-key -- rows have no identity
              <tr key={place}>
                {columns.map(({ type }, at) => (
                  // oxlint-disable-next-line react/no-array-index-key -- as above
                  <td key={at} class={isNumeric(type) ? 'number end' : undefined} title={textOf(row[at])}>
                    {row[at] === null ? <span class="is-null">null</span> : textOf(row[at])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > drawnMax ? (
        <p class="soft foot">
          The first {formatCount(drawnMax)} of {formatCount(rows.length)}; CSV has all.
        </p>
      ) : null}
    </>
  );
}

function Problem({ problem, sql }: { readonly problem: SqlProblem; readonly sql: string }) {
  const { code, name, message, position } = problem;
  const line = position === null ? '' : (sql.split('\n')[position.line - 1] ?? '');
  return (
    <div class="sql-error">
      <p>
        <b>{code === null ? 'Not asked' : `${name || 'Error'} (${code})`}</b>
        {position === null ? '' : `, line ${position.line}, column ${position.column}`}
      </p>
      <p>{message}</p>
      {position === null || line === '' ? null : <pre>{`${line}\n${' '.repeat(position.column - 1)}^`}</pre>}
    </div>
  );
}
